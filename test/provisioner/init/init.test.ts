import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import path from "node:path";
import { afterEach, expect, test } from "vitest";
import { EverspotError } from "../../../agent/site/errors.ts";
import { runInit } from "../../../provisioner/commands/init.ts";
import { parseConfig } from "../../../provisioner/config/load.ts";
import { createQuestions } from "../../../provisioner/operator/questions.ts";
import { createTerminal } from "../../../provisioner/operator/terminal.ts";
import { inspect } from "../../../provisioner/project/inspect.ts";
import { projectOf, STARTPROJECT } from "../project/project.ts";

const opened: { remove(): void }[] = [];
const path0 = process.env.PATH;
afterEach(() => {
  process.env.PATH = path0;
  for (const project of opened.splice(0)) project.remove();
});

interface Ran {
  json: Record<string, never> & {
    files: { path: string; state: string; written: boolean }[];
    findings: { id: string }[];
    asked: boolean;
    how: string;
    wanted: { name: string }[];
  };
  said: string;
  folder: string;
  error: unknown;
}

/** `init --yes` where no Python has Django: what is read is the same on every computer. */
async function init(
  folder: string,
  options: { domain?: string } = { domain: "blog.example.com" },
  json = true,
): Promise<Ran> {
  let [stdout, said] = ["", ""];
  const tools = {
    terminal: createTerminal({
      json,
      stdout: { write: (text) => (stdout += text) },
      stderr: { write: (text) => (said += text) },
    }),
    questions: createQuestions({ yes: true }),
    interrupted: () => new AbortController().signal,
  };
  const run = runInit(tools, { config: path.join(folder, "everspot.toml"), site: "blog", ...options });
  const error = await run.then(
    () => undefined,
    (e: unknown) => e,
  );
  return { json: JSON.parse(json ? stdout || "{}" : "{}"), said: said + stdout, folder, error };
}

function project(files: Readonly<Record<string, string>>): string {
  const made = projectOf(files);
  opened.push(made);
  // Only a Python without packages: pip reaches no index here, and no Django is found.
  const bin = path.join(made.folder, ".venv-none");
  mkdirSync(bin);
  writeFileSync(path.join(bin, "python3"), '#!/bin/sh\nexec /usr/bin/python3 -I -S "$@"\n', { mode: 0o755 });
  process.env.PATH = `${bin}:/usr/bin:/bin`;
  return made.folder;
}

const text = (folder: string, name: string): string => readFileSync(path.join(folder, name), "utf8");

test("a new project gets all that it needs, and nothing of its own is touched", async () => {
  const folder = project({ ...STARTPROJECT, "requirements.txt": "" });
  const { json, error } = await init(folder);
  expect(error).toBeUndefined();
  expect(json.files.map((f) => [f.path, f.state])).toEqual([
    ["everspot.toml", "new"],
    ["everspot_settings.py", "new"],
  ]);
  const config = parseConfig(text(folder, "everspot.toml"), path.join(folder, "everspot.toml"));
  expect(config).toMatchObject({
    site: "blog",
    domain: "blog.example.com",
    app: {
      wsgi: "mysite.wsgi:application",
      health: "/admin/login/",
      static: [{ url: "/static/", folder: "staticfiles" }],
      beforeStart: ["python3 manage.py migrate --noinput", "python3 manage.py collectstatic --noinput"],
      randomSecrets: ["SECRET_KEY"],
      env: { DJANGO_SETTINGS_MODULE: "everspot_settings" },
    },
    state: { database: ["$STATE_DIRECTORY/db.sqlite3"], durability: "fast" },
  });
  const settings = text(folder, "everspot_settings.py");
  for (const line of [
    "from mysite.settings import *",
    "DEBUG = False",
    "ALLOWED_HOSTS = EVERSPOT_HOSTS",
    'SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")',
    'SECRET_KEY = os.environ["SECRET_KEY"]',
    'STATIC_ROOT = os.path.join(os.path.dirname(os.path.abspath(__file__)), "staticfiles")',
  ]) {
    expect(settings).toContain(line);
  }
  expect(text(folder, "mysite/settings.py")).toBe(STARTPROJECT["mysite/settings.py"]);
  expect(json.how).toMatch(/^read the sources by Python's parser, for no Python here/);
  // What was written stands up to the check of `plan`.
  const options = {
    secrets: ["SECRET_KEY"],
    env: process.env,
    onProgress: () => {},
    signal: AbortSignal.timeout(60_000),
  };
  expect((await inspect(config, options)).findings).toEqual([]);
});

test("what a project writes is kept: each of its SQLite databases, and its uploads", async () => {
  const more = `
MEDIA_ROOT = BASE_DIR / "media"
DATABASES["other"] = {"ENGINE": "django.db.backends.sqlite3", "NAME": BASE_DIR / "data" / "other.db"}
`;
  const settings = `${STARTPROJECT["mysite/settings.py"]}${more}`;
  const folder = project({ ...STARTPROJECT, "mysite/settings.py": settings, "requirements.txt": "" });
  expect((await init(folder)).error).toBeUndefined();
  const config = parseConfig(text(folder, "everspot.toml"), path.join(folder, "everspot.toml"));
  expect(config.state).toMatchObject({
    database: ["$STATE_DIRECTORY/db.sqlite3", "$STATE_DIRECTORY/other.db"],
    media: "$STATE_DIRECTORY/media",
  });
});

test("uploads are left out where their folder is that of the static files", async () => {
  const settings = `${STARTPROJECT["mysite/settings.py"]}\nMEDIA_ROOT = BASE_DIR / "up"\nSTATIC_ROOT = BASE_DIR / "media"\n`;
  const folder = project({ ...STARTPROJECT, "mysite/settings.py": settings, "requirements.txt": "" });
  expect((await init(folder)).error).toBeUndefined();
  const config = parseConfig(text(folder, "everspot.toml"), path.join(folder, "everspot.toml"));
  expect(config).toMatchObject({
    app: { static: [{ folder: "media" }] },
    state: { database: ["$STATE_DIRECTORY/db.sqlite3"] },
  });
  expect(config.state?.media).toBeUndefined();
});

test("a project with Channels speaks ASGI; one that only names an ASGI application does not have to", async () => {
  const proposed = async (apps: string) => {
    const settings = `${STARTPROJECT["mysite/settings.py"]}\nINSTALLED_APPS += [${apps}]\nASGI_APPLICATION = "mysite.asgi.application"\n`;
    const asgi = STARTPROJECT["mysite/wsgi.py"]?.replaceAll("wsgi", "asgi") ?? "";
    const folder = project({
      ...STARTPROJECT,
      ...{ "mysite/settings.py": settings, "mysite/asgi.py": asgi, "requirements.txt": "" },
    });
    const { json } = await init(folder);
    const { app } = parseConfig(text(folder, "everspot.toml"), path.join(folder, "everspot.toml"));
    return { wsgi: app.wsgi, asgi: app.asgi, files: json.files.map((f) => f.path), found: json.findings };
  };
  const channels = await proposed('"channels"');
  expect(channels).toMatchObject({ asgi: "mysite.asgi:application", wsgi: undefined });
  expect(channels.files).not.toContain("everspot_wsgi.py");
  expect(channels.found.map((f) => f.id)).not.toContain("project.W011");
  expect(await proposed("")).toMatchObject({ wsgi: "mysite.wsgi:application", asgi: undefined });
});

test("run again it changes nothing, and what someone changed stays as it is", async () => {
  const folder = project({ ...STARTPROJECT, "requirements.txt": "" });
  await init(folder);
  const again = await init(folder, {});
  expect(again.json.files.map((f) => f.state)).toEqual(["same", "same"]);
  const mine = text(folder, "everspot_settings.py").replace("DEBUG = False", "DEBUG = False  # mine");
  writeFileSync(path.join(folder, "everspot_settings.py"), mine);
  const third = await init(folder, {});
  expect(third.json.files.map((f) => [f.state, f.written])).toEqual([
    ["same", false],
    ["differs", false],
  ]);
  expect(third.said).toContain("kept everspot_settings.py as it is");
  expect(text(folder, "everspot_settings.py")).toBe(mine);
  // What is proposed is shown, beside what is there.
  const { said } = await init(folder, {}, false);
  expect(said).toMatch(
    /everspot_settings\.py {2}changes:\n[\s\S]*\n {2}- DEBUG = False {2}# mine\n {2}\+ DEBUG = False\n/,
  );
});

test("a project in a folder below, with a committed .env: root, and the .env stays here", async () => {
  const below = Object.fromEntries(
    Object.entries(STARTPROJECT).map(([name, source]) => [`backend/${name}`, source]),
  );
  const folder = project({
    ...below,
    "backend/requirements.txt": "",
    "backend/.env": "SECRET_KEY=x\n",
    "backend/.everspotignore": "*.psd\n",
  });
  const { json, error } = await init(folder);
  expect(error).toBeUndefined();
  expect(json.files.map((f) => [f.path, f.state])).toEqual([
    ["everspot.toml", "new"],
    ["backend/everspot_settings.py", "new"],
    ["backend/.everspotignore", "added"],
  ]);
  const config = parseConfig(text(folder, "everspot.toml"), path.join(folder, "everspot.toml"));
  expect(config.app.root).toBe("backend");
  expect(config.folder).toBe(path.join(folder, "backend"));
  expect(text(folder, "backend/.everspotignore")).toBe(
    "*.psd\n# Not in a release: the app gets its secrets by `everspot secret set`.\n/.env\n",
  );
});

test("SQLite in memory gets a file in the app's own folder", async () => {
  const settings = `${STARTPROJECT["mysite/settings.py"]}
DATABASES = {"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": ":memory:"}}
`;
  const folder = project({ ...STARTPROJECT, "requirements.txt": "", "mysite/settings.py": settings });
  const { json, error } = await init(folder);
  expect(error).toBeUndefined();
  expect(json.findings).toEqual([]);
});

test("what only another server or library could give is refused by name, with the way out", async () => {
  const settings = `${STARTPROJECT["mysite/settings.py"]}
INSTALLED_APPS += ["django.contrib.gis"]
DATABASES = {"default": {"ENGINE": "django.contrib.gis.db.backends.postgis", "NAME": "x"}}
`;
  const folder = project({ ...STARTPROJECT, "requirements.txt": "", "mysite/settings.py": settings });
  const { error, json } = await init(folder);
  expect(error).toBeInstanceOf(EverspotError);
  expect(json.findings.map((f) => f.id)).toEqual(["project.E007"]);
  expect((error as EverspotError).message).toContain("PostgreSQL with PostGIS on the same machine");
  expect((error as EverspotError).hint).toContain("everspot secret set DATABASE_URL");
  expect(text(folder, "everspot.toml")).toContain('packages = ["gdal-bin"]');
});

test("a list that names no Django is found before `plan` does, unless Debian's serves", async () => {
  const manage = `${STARTPROJECT["manage.py"]}\nfrom django.core.management import execute_from_command_line\n`;
  const files = { ...STARTPROJECT, "manage.py": manage, "requirements.txt": "# to be written\n" };
  const { error, json, folder } = await init(project(files));
  expect(json.findings).toContainEqual(
    expect.objectContaining({ id: "packing.E040", where: "requirements.txt" }),
  );
  expect(error).toMatchObject({
    exitCode: 1,
    hint: expect.stringContaining("add Django to requirements.txt"),
  });
  const file = path.join(folder, "everspot.toml");
  writeFileSync(file, `${readFileSync(file, "utf8")}\n[image]\npackages = ["python3-django"]\n`);
  expect((await init(folder, {})).json.findings.map(({ id }) => id)).not.toContain("packing.E040");
});

test("where there is no project, and where no one says its name, nothing is written", async () => {
  const other = project({
    "app.py": "from flask import Flask\napp = Flask(__name__)\n",
    "requirements.txt": "",
  });
  const refused = await init(other);
  expect([String(refused.error), existsSync(path.join(other, "everspot.toml"))]).toEqual([
    "EverspotError: there is no Django project here (project.E001)",
    false,
  ]);
  const empty = project({ "readme.txt": "" });
  const nothing = await init(empty);
  expect(nothing.error).toMatchObject({ message: expect.stringContaining("no Django project"), exitCode: 2 });
  const folder = project(STARTPROJECT);
  const unnamed = await init(folder, {});
  expect(unnamed.error).toMatchObject({ message: "the site needs a name in DNS", exitCode: 2 });
  expect(existsSync(path.join(folder, "everspot.toml"))).toBe(false);
});
