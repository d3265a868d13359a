import { afterEach, expect, test } from "vitest";
import { layoutOf } from "../../../provisioner/project/layout.ts";
import { type Read, readProject } from "../../../provisioner/project/read.ts";
import { projectOf, STARTPROJECT } from "./project.ts";

const opened: { remove(): void }[] = [];
afterEach(() => {
  for (const project of opened.splice(0)) project.remove();
});

async function read(
  files: Readonly<Record<string, string>>,
  settings: string,
  env?: Record<string, string>,
): Promise<Read & { folder: string }> {
  const project = projectOf(files);
  opened.push(project);
  const layout = await layoutOf(project.folder);
  return { ...(await readProject(layout.folder, layout.files, settings, env)), folder: layout.folder };
}

test("a new project's settings are read without running them", async () => {
  const { by, facts, folder, entries } = await read(STARTPROJECT, "mysite.settings");
  expect(by).toBe("parser");
  expect(entries["mysite/wsgi.py"]).toEqual({
    settings: "mysite.settings",
    overrules: false,
    application: ["application"],
  });
  expect(facts).toMatchObject({
    debug: true,
    hosts: [],
    secret: { kind: "own" },
    databases: { default: { engine: "django.db.backends.sqlite3", name: `${folder}/db.sqlite3` } },
    wsgi: "mysite.wsgi.application",
    staticUrl: "static/",
  });
});

test("all variables that settings insist on, through each of the usual libraries, and none that have a default", async () => {
  const { required, variables } = await read(
    {
      "s.py": `
import os
from decouple import config
import environ
env = environ.Env()
A = os.environ["PLAIN"]
B = env("ENVIRON")
C = env.bool("ENVIRON_BOOL")
D = config("DECOUPLE", cast=int)
E = os.environ.get("OPTIONAL"), os.getenv("OPTIONAL2", "x"), env("OPTIONAL3", default=""), config("OPTIONAL4", default=1)
if os.environ.get("UNKNOWN_FLAG") == str(object()):
    F = os.environ["PERHAPS"]
if "ABSENT" in os.environ:
    G = os.environ["ONLY_THEN"]
`,
    },
    "s",
  );
  expect(required.map((v) => v.name)).toEqual(["PLAIN", "ENVIRON", "ENVIRON_BOOL", "DECOUPLE"]);
  expect(required[0]?.where).toBe("s.py:6");
  expect(variables).toContain("OPTIONAL4");
  expect(variables).not.toContain("ONLY_THEN");
});

test("settings that build on others, on conditions and on the environment", async () => {
  const files = {
    "conf/__init__.py": "",
    "conf/base.py": `
import os
import dj_database_url
BASE = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
DEBUG = True
INSTALLED_APPS = ["a"]
DATABASES = {"default": dj_database_url.config(default="postgres://u:p@db:5432/app")}
STATIC_ROOT = os.path.join(BASE, "static")
ALLOWED_HOSTS = os.environ.get("HOSTS", "localhost").split(",")
`,
    "conf/production.py": `
from .base import *
DEBUG = False
INSTALLED_APPS += ["b"]
if not DEBUG:
    INSTALLED_APPS.append("c")
`,
  };
  const { facts, folder, places } = await read(files, "conf.production");
  expect(facts).toMatchObject({
    debug: false,
    apps: ["a", "b", "c"],
    databases: { default: { engine: "django.db.backends.postgresql", host: "db", name: "app" } },
    staticRoot: `${folder}/static`,
    hosts: ["localhost"],
  });
  expect(places.DEBUG).toBe("conf/production.py:3");
  const told = await read(files, "conf.production", {
    HOSTS: "a.example,b.example",
    DATABASE_URL: "sqlite:////x/y",
  });
  expect(told.facts).toMatchObject({
    hosts: ["a.example", "b.example"],
    databases: { default: { engine: "django.db.backends.sqlite3", name: "/x/y" } },
  });
});
