import { spawnSync } from "node:child_process";
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { diffLines } from "../../../provisioner/init/diff.ts";
import { djangoIn, siteNameFrom } from "../../../provisioner/init/names.ts";
import { isUntouched, sealed } from "../../../provisioner/init/seal.ts";
import { settingsFile } from "../../../provisioner/init/settings-file.ts";
import { healthOf } from "../../../provisioner/init/trial.ts";
import { compare, writeFiles } from "../../../provisioner/init/write.ts";

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(path.join(tmpdir(), "everspot-init-"));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

describe("everspot_settings.py", () => {
  const NEEDS = {
    ...{
      debugOff: true,
      hosts: true,
      origins: true,
      proxyHeader: true,
      secretKey: "SECRET_KEY",
      database: true,
    },
    ...{ media: true, staticRoot: "staticfiles", logFiles: true, logging: false },
    moved: [
      { setting: 'HUEY["filename"]', path: "huey.sqlite3", isPath: true },
      { setting: "INDEX", path: "search/index", isPath: false },
    ],
  };

  /** Its settings as Python sees them, with the instance's environment. */
  function run(theirs: string, needs = NEEDS, django = "5, 2"): Record<string, unknown> {
    writeFileSync(path.join(folder, "django.py"), `VERSION = (${django}, 1, "final", 0)`);
    writeFileSync(path.join(folder, "theirs.py"), theirs);
    writeFileSync(path.join(folder, "everspot_settings.py"), settingsFile("theirs", needs));
    const script =
      "import everspot_settings as s, json; print(json.dumps({k: v for k, v in vars(s).items() if k.isupper()}, default=str))";
    const { stdout, stderr } = spawnSync("python3", ["-B", "-S", "-c", script], {
      cwd: folder,
      env: {
        PATH: process.env.PATH,
        SECRET_KEY: "from the store",
        STATE_DIRECTORY: "/var/lib/app",
        EVERSPOT_HOSTS: "a.example,www.a.example",
      },
      encoding: "utf8",
    });
    if (stderr !== "") throw new Error(stderr);
    return JSON.parse(stdout) as Record<string, unknown>;
  }

  test("who writes to SQLite waits for a turn, as far as Django can and the project says nothing else", () => {
    const databases = (options: string, django?: string) =>
      run(
        `DATABASES = {"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": "a.db"${options}}}\nLOGGING = {}\nHUEY = {}`,
        NEEDS,
        django,
      ).DATABASES;
    const of = (OPTIONS: object) => ({ default: expect.objectContaining({ OPTIONS }) });
    expect(databases("")).toEqual(of({ timeout: 20, transaction_mode: "IMMEDIATE" }));
    expect(databases("", "4, 2")).toEqual(of({ timeout: 20 }));
    expect(databases(', "OPTIONS": {"timeout": 5, "transaction_mode": "EXCLUSIVE"}')).toEqual(
      of({ timeout: 5, transaction_mode: "EXCLUSIVE" }),
    );
  });

  test("says what a site needs, on top of theirs", () => {
    const settings = run(`
DEBUG = True
SECRET_KEY = "in the sources"
TIME_ZONE = "UTC"
DATABASES = {
    "default": {"ENGINE": "django.db.backends.sqlite3", "NAME": "/project/db.sqlite3"},
    "memory": {"ENGINE": "django.db.backends.sqlite3", "NAME": ":memory:"},
    "server": {"ENGINE": "django.db.backends.postgresql", "NAME": "app"},
}
HUEY = {"filename": "/project/huey.sqlite3", "immediate": False}
INDEX = "/project/search/index"
LOGGING = {"handlers": {"file": {"filename": "/var/log/app.log"}, "console": {}}}
`);
    expect(settings).toMatchObject({
      DEBUG: false,
      TIME_ZONE: "UTC",
      SECRET_KEY: "from the store",
      ALLOWED_HOSTS: ["a.example", "www.a.example"],
      CSRF_TRUSTED_ORIGINS: ["https://a.example", "https://www.a.example"],
      SECURE_PROXY_SSL_HEADER: ["HTTP_X_FORWARDED_PROTO", "https"],
      DATABASES: {
        default: { NAME: "/var/lib/app/db.sqlite3" },
        memory: { NAME: "/var/lib/app/memory.sqlite3" },
        server: { NAME: "app" },
      },
      MEDIA_ROOT: "/var/lib/app/media",
      STATIC_ROOT: path.join(folder, "staticfiles"),
      LOGGING: { handlers: { file: { filename: "/var/lib/app/app.log" } } },
      HUEY: { filename: "/var/lib/app/huey.sqlite3", immediate: false },
      INDEX: "/var/lib/app/index",
    });
  });
});

test("what no one changed since it was written is known by its seal", () => {
  const text = sealed("# Written by `everspot init`.\nsite = 1\n");
  expect(isUntouched(text)).toBe(true);
  expect(isUntouched(text.replace("1", "2"))).toBe(false);
  expect(isUntouched("site = 1\n")).toBe(false);
});

test("files are compared with what is there, and written whole or not at all", async () => {
  writeFileSync(path.join(folder, "same"), "a\n");
  writeFileSync(path.join(folder, "more"), "a\n");
  writeFileSync(path.join(folder, "mine"), "b\n");
  writeFileSync(path.join(folder, "older"), sealed("Written by `everspot init`\n1\n"));
  const files = [
    ...[
      ["same", "a\n"],
      ["more", "a\nb\n"],
      ["mine", "a\n"],
      ["older", "2\n"],
      ["new/one", "1\n"],
    ].map(([name = "", text = ""]) => ({ path: name, text, why: "" })),
  ];
  const compared = await compare(folder, files);
  expect(compared.map((f) => f.state)).toEqual(["same", "added", "differs", "older", "new"]);
  await writeFiles(folder, compared);
  expect(readFileSync(path.join(folder, "new/one"), "utf8")).toBe("1\n");
  expect(readdirSync(folder).filter((name) => name.includes("part"))).toEqual([]);
});

test("the difference of two texts, with what is around it", () => {
  expect(diffLines("a\nb\nc\nd\ne\nf\ng\n", "a\nb\nc\nd\nE\nf\ng\n")).toEqual([
    ...["  …", "  c", "  d", "- e", "+ E", "  f", "  g"],
  ]);
  expect(diffLines("", "a\n")).toEqual(["+ a"]);
  expect(diffLines("a\n", "a\n")).toEqual([]);
});

describe("names", () => {
  test.each([
    ["My Blog", "my-blog"],
    ["alldjango.com", "alldjango"],
    ["2048_game", "game"],
    ["Django-Styleguide-Example", "django-styleguide"],
    ["...", "site"],
    ["averyveryverylongnamewithoutanybreak", "averyveryverylongnamewit"],
  ])("%s is %s", (from, to) => {
    expect(siteNameFrom(from)).toBe(to);
  });
  test("the Django that wrote the settings", () => {
    expect(djangoIn("Generated by 'django-admin startproject' using Django 5.2.1.")).toBe("5.2.1");
  });
});

test("a page that answers is the health path, unless every path does", () => {
  const answers = (visits: Record<string, number>) => {
    const seen = Object.entries(visits).map(([at, status]) => [at, { status, location: null }]);
    return { started: { answer: { visits: Object.fromEntries(seen) } } } as unknown as Parameters<
      typeof healthOf
    >[0];
  };
  expect(healthOf(answers({ "/healthz": 404, "/": 302, "/login/": 200, "/admin/login/": 200 }))).toBe(
    "/login/",
  );
  expect(healthOf(answers({ "/everspot-no-such-page": 200, "/healthz": 200, "/": 200 }))).toBe("/");
  expect(healthOf(answers({ "/": 500 }))).toBeUndefined();
});
