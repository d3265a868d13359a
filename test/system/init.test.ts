/** `everspot init` asks a real Django: Debian's, which the tests' set-up installs. */
import { execFileSync } from "node:child_process";
import { appendFileSync, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import path from "node:path";
import { afterAll, beforeAll, beforeEach, expect, test } from "vitest";
import { runInit } from "../../provisioner/commands/init.ts";
import { runPlan } from "../../provisioner/commands/plan.ts";
import { runUp } from "../../provisioner/commands/up.ts";
import { loadConfig } from "../../provisioner/config/load.ts";
import { inspect } from "../../provisioner/project/inspect.ts";
import { type Desk, openDesk } from "../provisioner/site.ts";
import { DEBIAN_PATH } from "./debian.ts";

let desk: Desk;
let folder: string;
let number = 0;
const PATH = process.env.PATH;

beforeAll(async () => {
  // Debian's Python alone: no other Django is found.
  process.env.PATH = DEBIAN_PATH;
  desk = await openDesk();
});
afterAll(async () => {
  process.env.PATH = PATH;
  await desk.close();
});
beforeEach(() => {
  folder = path.join(path.dirname(desk.config.file), `project-${++number}`);
  mkdirSync(folder);
  execFileSync("/usr/bin/python3", ["-m", "django", "startproject", "mysite", "."], { cwd: folder });
});

const toml = () => path.join(folder, "everspot.toml");

interface Init {
  how: string;
  asked: boolean;
  wanted: { name: string; where: string }[];
  files: { path: string; state: string }[];
  findings: { id: string; what: string }[];
}

async function init(): Promise<Init> {
  await runInit(desk.tools, { config: toml(), site: "blog", domain: "blog.example.com" });
  return desk.json() as unknown as Init;
}

/** As the command line has them, but for packing: no index of packages is in reach. */
const tools = () => ({
  ...desk.tools,
  inspect: (config: Desk["config"], secrets: readonly string[], signal: AbortSignal) =>
    inspect(config, { secrets, signal, env: process.env, onProgress: () => {} }),
});

const settings = (text: string) => appendFileSync(path.join(folder, "mysite/settings.py"), text);

test("from startproject to a passing plan, and to a secret that no one had to think of", async () => {
  const { asked, how, files, findings } = await init();
  expect(asked).toBe(true);
  expect(how).toMatch(/^asked Django \d/);
  expect(files.map((f) => f.path)).toEqual(["everspot.toml", "everspot_settings.py", "requirements.txt"]);
  expect(findings).toEqual([]);
  // Django alone: what else is on this computer is none of the project's.
  expect(readFileSync(path.join(folder, "requirements.txt"), "utf8")).toMatch(/\nDjango~=\d\S+\ngunicorn\n$/);
  const config = await loadConfig(toml());
  expect(config.app.health).toBe("/admin/login/");
  // Debian 12's Django does not run on Debian 13's Python.
  const version = execFileSync("/usr/bin/python3", ["-m", "django", "--version"], { encoding: "utf8" });
  expect(config.image.os).toBe(Number.parseFloat(version) < 4.2 ? "debian-12" : "debian-13");
  await runPlan(config, tools(), { refreshImage: false, pack: true });
  expect(desk.json()).toMatchObject({ command: "plan", findings: [], project: [] });
  expect(desk.json().actions).toContainEqual({
    do: "make-secret",
    what: "make the secret SECRET_KEY, at random",
  });
  await runUp(config, tools(), { refreshImage: false, wait: false, timeout: 60 });
  const made = async () => {
    const { connect } = await import("../../provisioner/aws/connect.ts");
    const aws = await connect(config);
    const list = await aws.secrets.list();
    aws.close();
    return list;
  };
  const [secret] = await made();
  expect(secret?.name).toBe("SECRET_KEY");
  // It is made once.
  await runUp(config, tools(), { refreshImage: false, wait: false, timeout: 60 });
  expect(await made()).toEqual([secret]);
  rmSync(path.join(folder, "everspot_settings.py"));
  const refused = runPlan({ ...config, site: "other" }, tools(), { refreshImage: false, pack: true });
  await expect(refused).rejects.toThrow("DJANGO_SETTINGS_MODULE names everspot_settings");
});

test("required variables are found all at once, whatever stands in for them", async () => {
  settings(`
import os
SECRET_KEY = os.environ["MY_SECRET_KEY"]
def need(name):
    value = os.environ.get(name)
    if value is None:
        raise RuntimeError("please set " + name)
    return value
PORT_NUMBER = int(need("MAIL_PORT"))
QUOTA = int(os.environ["QUOTA"])
STRIPE = need("STRIPE_KEY")
TRACE = os.environ.get("TRACE", "off")
`);
  const { wanted, asked } = await init();
  expect(asked).toBe(true);
  expect(wanted.map((w) => w.name)).toEqual(["MAIL_PORT", "QUOTA", "STRIPE_KEY"]);
  expect(wanted[1]?.where).toMatch(/^mysite\/settings\.py:\d+$/);
  const config = await loadConfig(toml());
  expect(config.app.randomSecrets).toEqual(["MY_SECRET_KEY"]);
  expect(readFileSync(path.join(folder, "everspot_settings.py"), "utf8")).not.toContain("SECRET_KEY =");
  const plan = runPlan({ ...config, site: "wants" }, tools(), { refreshImage: false, pack: true });
  await expect(plan).rejects.toThrow("the app does not start without MAIL_PORT, QUOTA and STRIPE_KEY");
});

test("a key that is another one in each process is replaced; one from a variable is left to it", async () => {
  settings("\nimport secrets\nSECRET_KEY = secrets.token_hex(32)\n");
  const config = await init().then(() => loadConfig(toml()));
  expect(config.app.randomSecrets).toEqual(["SECRET_KEY"]);
  const options = {
    secrets: [],
    env: process.env,
    onProgress: () => {},
    signal: AbortSignal.timeout(100_000),
  };
  const theirs = { ...config, app: { ...config.app, env: { DJANGO_SETTINGS_MODULE: "mysite.settings" } } };
  const { findings } = await inspect(theirs, options);
  expect(findings.map((f) => f.id)).toEqual(["project.E013", "project.E014", "project.W001", "project.W002"]);
});

test("what a project writes beside its code goes where it may write; what no setting moves is refused", async () => {
  settings(`
import pathlib, sqlite3
QUEUE = {"file": BASE_DIR / "queue.sqlite3"}
class Opening:
    def __call__(self, request):
        return self.next(request)
    def __init__(self, next):
        from django.conf import settings
        self.next = next
        sqlite3.connect(settings.QUEUE["file"]).execute("create table if not exists task (id)")
MIDDLEWARE += ["mysite.settings.Opening"]
`);
  await init();
  const text = readFileSync(path.join(folder, "everspot_settings.py"), "utf8");
  expect(text).toContain('QUEUE["file"] = pathlib.Path(os.path.join(EVERSPOT_STATE, "queue.sqlite3"))');
  settings('open(BASE_DIR / "started.txt", "w").close()\n');
  // No index is in reach: with a list of packages these would be missed, too.
  const list = path.join(folder, "requirements.txt");
  rmSync(list);
  await expect(init()).rejects.toThrow("the app writes started.txt, where it cannot (project.E017)");
  const source = path.join(folder, "mysite/settings.py");
  const tolerant = readFileSync(source, "utf8").replace(
    /^(open\(.*)$/m,
    "try:\n    $1\nexcept OSError:\n    pass",
  );
  writeFileSync(source, tolerant);
  rmSync(list);
  expect((await init()).findings.map((f) => f.id)).toEqual(["project.W017"]);
});

test("what is no Python is reported with its own line", async () => {
  settings("def (:\n");
  const lines = readFileSync(path.join(folder, "mysite/settings.py"), "utf8").trimEnd().split("\n");
  await expect(init()).rejects.toMatchObject({
    message: expect.stringContaining("SyntaxError"),
    resource: `mysite/settings.py:${lines.length}`,
  });
});

test("nothing of a project gets out, and nothing of this computer gets in", async () => {
  process.env.EVERSPOT_TEST_ONLY = "here";
  settings(`
import os, socket
SEEN = os.environ.get("EVERSPOT_TEST_ONLY", "nothing")
try:
    socket.create_connection(("127.0.0.1", 9), 1)
    RESULT = "connected"
except OSError as error:
    RESULT = str(error)
if SEEN != "nothing" or "without a network" not in RESULT or "/everspot-ask-" not in __file__:
    raise RuntimeError([SEEN, RESULT, __file__])
`);
  try {
    expect((await init()).asked).toBe(true);
  } finally {
    delete process.env.EVERSPOT_TEST_ONLY;
  }
  expect(execFileSync("git", ["init", "-q", "."], { cwd: folder }).length).toBe(0);
});

test("a page, migrations and static files that fail are told, each with where", async () => {
  mkdirSync(path.join(folder, "pages/migrations"), { recursive: true });
  for (const name of ["pages/__init__.py", "pages/migrations/__init__.py"])
    writeFileSync(path.join(folder, name), "");
  writeFileSync(
    path.join(folder, "pages/migrations/0001_initial.py"),
    `from django.db import migrations
def fail(apps, editor):
    raise ValueError("no such thing")
class Migration(migrations.Migration):
    operations = [migrations.RunPython(fail)]
`,
  );
  settings(`
INSTALLED_APPS += ["pages"]
STATICFILES_DIRS = ["/nowhere"]
STATICFILES_STORAGE = "no.such.Storage"
`);
  writeFileSync(
    path.join(folder, "mysite/urls.py"),
    `from django.urls import path
def broken(request):
    raise KeyError("page")
urlpatterns = [path("", broken)]
`,
  );
  await expect(init()).rejects.toThrow("the project cannot be served as it is: 2 problems");
  expect((desk.json() as unknown as Init).findings.map((f) => f.id)).toEqual([
    "project.E015",
    "project.E016",
    "project.W015",
  ]);
});
