import { readFileSync } from "node:fs";
import path from "node:path";
import { describe, expect, test } from "vitest";
import { checkProject } from "../../../provisioner/project/checks.ts";
import type { Facts } from "../../../provisioner/project/facts.ts";
import { admits } from "../../../provisioner/project/settings-checks.ts";
import type { Subject } from "../../../provisioner/project/subject.ts";

const FACTS: Facts = {
  module: "mysite.settings",
  debug: false,
  hosts: ["example.com"],
  proxyHeader: true,
  secret: { kind: "variable", variable: "SECRET_KEY" },
  databases: { default: { engine: "django.db.backends.sqlite3", name: "$STATE_DIRECTORY/db.sqlite3" } },
  apps: ["django.contrib.admin", "django.contrib.staticfiles"],
  middleware: [],
  staticUrl: "/static/",
  staticRoot: "staticfiles",
  logFiles: [],
  caches: [],
};

const file = (path: string) => ({ path, source: `/project/${path}`, size: 1, executable: false, stamp: "" });

/** A project that nothing stands against, but for what is changed. */
function subject(change: {
  facts?: Partial<Facts>;
  files?: readonly string[];
  learnt?: Partial<Subject["learnt"]>;
  subject?: Partial<Subject>;
}): Subject {
  const files = change.files ?? ["manage.py", "mysite/__init__.py", "mysite/settings.py", "mysite/wsgi.py"];
  return {
    learnt: {
      layout: {
        ...{ top: "/project", root: "", folder: "/project", others: [], started: [] },
        files: files.map(file),
        names: new Set(files),
      },
      how: "",
      asked: true,
      facts: { ...FACTS, ...change.facts },
      settings: "mysite.settings",
      wsgi: "mysite.wsgi:application",
      required: [],
      variables: [],
      failure: undefined,
      started: undefined,
      writes: [],
      startsSealed: undefined,
      read: {
        by: "parser",
        entries: {},
        facts: undefined,
        unknown: [],
        required: [],
        variables: [],
        places: {},
      },
      ...change.learnt,
    },
    ...{ wsgi: "mysite.wsgi:application", asgi: undefined },
    env: { DJANGO_SETTINGS_MODULE: "mysite.settings" },
    secrets: ["SECRET_KEY"],
    beforeStart: ["python3 manage.py migrate --noinput"],
    static: [{ url: "/static/", folder: "staticfiles" }],
    packages: [],
    hosts: ["example.com"],
    declared: "requirements.txt",
    state: { database: ["$STATE_DIRECTORY/db.sqlite3"] },
    beside: false,
    ...change.subject,
  };
}

const found = (change: Parameters<typeof subject>[0]): string[] =>
  checkProject(subject(change)).map((f) => f.id);

test("every finding is in the docs, once", () => {
  const read = (name: string) => readFileSync(path.join(import.meta.dirname, "../../..", name), "utf8");
  const sources = [
    "provisioner/project/checks.ts",
    "provisioner/project/data-checks.ts",
    "provisioner/project/settings-checks.ts",
    "provisioner/findings/unpackable.ts",
    "provisioner/init/trial.ts",
  ]
    .map(read)
    .join("");
  const given = new Set([...sources.matchAll(/"(project\.[EW]\d+)"/g)].map((m) => m[1]));
  const listed = [...read("docs/init.md").matchAll(/^\| (project\.[EW]\d+) \|/gm)].map((m) => m[1]);
  expect(listed).toEqual([...given].sort());
});

test("nothing stands against a project that has all it needs", () => {
  expect(found({})).toEqual([]);
});

test("a hollow release: everything that is not there, at once", () => {
  expect(found({ files: ["everspot.toml"] })).toEqual(["project.E001"]);
  const hollow = found({
    subject: {
      wsgi: "missing.wsgi:application",
      env: { DJANGO_SETTINGS_MODULE: "mysite.other" },
      declared: undefined,
      beforeStart: ["python manage.py migrate", "python3 backend/manage.py collectstatic"],
    },
  });
  expect(hollow).toEqual(["project.E002", "project.E003", "project.E004", "project.E006", "project.E011"]);
  expect(found({ subject: { declared: undefined, packages: ["python3-django"] } })).toEqual([]);
});

test("all variables that are missing are one finding; those that are set or secret are none", () => {
  const required = ["SALT", "STRIPE_KEY", "COLOUR", "SECRET_KEY"].map((name) => ({ name, where: "s.py:3" }));
  const [finding] = checkProject(subject({ learnt: { required }, subject: { env: { SALT: "x" } } }));
  expect(finding).toMatchObject({
    id: "project.E009",
    what: "the app does not start without STRIPE_KEY and COLOUR",
    hint: "`everspot secret set STRIPE_KEY`; [app.env] for COLOUR",
  });
  // Read and not asked, no one knows for sure.
  expect(found({ learnt: { required, asked: false } })).toEqual(["project.W009"]);
});

const server = (engine: string, host: string | undefined) => ({
  databases: { default: { engine: `django.db.backends.${engine}`, name: "app", host } },
});

test("where no one may look at the secrets, what is missing may be one of them", () => {
  const required = [{ name: "STRIPE_KEY" }];
  const databases = { default: { engine: "django.db.backends.postgresql", name: "app", host: "localhost" } };
  const learnt = { required, variables: ["DATABASE_URL"] };
  const facts = { databases };
  expect(found({ learnt, facts })).toEqual(["project.E009", "project.E007"]);
  expect(found({ learnt, facts, subject: { secrets: undefined } })).toEqual([]);
});

test("a database server on the machine itself, or one that only Docker knows, is refused by name", () => {
  for (const host of [undefined, "", "localhost", "127.0.0.1", "/var/run/postgresql", "db"]) {
    expect(found({ facts: server("postgresql", host) })).toEqual(["project.E007"]);
  }
  expect(found({ facts: server("postgresql", "db.abc.eu-west-1.rds.amazonaws.com") })).toEqual([]);
  expect(found({ facts: server("mysql", "localhost") })).toEqual(["project.E007"]);
  // A secret says where it is.
  const told = {
    learnt: { variables: ["DATABASE_URL"] },
    subject: { secrets: ["SECRET_KEY", "DATABASE_URL"] },
  };
  expect(found({ facts: server("postgresql", "localhost"), ...told })).toEqual([]);
});

test("GeoDjango needs GDAL among the packages of the image", () => {
  const apps = [...FACTS.apps, "django.contrib.gis"];
  expect(found({ facts: { apps } })).toEqual(["project.E008"]);
  expect(found({ facts: { apps }, subject: { packages: ["gdal-bin"] } })).toEqual([]);
});

test("SQLite that is in memory, or where the app cannot write", () => {
  const at = (name: string) => ({ databases: { default: { engine: "django.db.backends.sqlite3", name } } });
  expect(found({ facts: at(":memory:") })).toEqual(["project.E012"]);
  expect(found({ facts: at("file::memory:?cache=shared") })).toEqual(["project.E012"]);
  expect(found({ facts: at("db.sqlite3") })).toEqual(["project.E013"]);
  expect(found({ facts: at("/tmp/db.sqlite3") })).toEqual(["project.E013"]);
  // Data that comes with the release is read, and not migrated.
  expect(found({ facts: at("data.sqlite3"), subject: { beforeStart: [] } })).toEqual(["project.W013"]);
});

test("what the app writes among its files stands against it, unless it starts without", () => {
  const by = { setting: 'HUEY["filename"]', path: "huey.sqlite3", isPath: true };
  const writes = [{ path: "huey.sqlite3", by }];
  const read = { ...subject({}).learnt.read, places: { HUEY: "mysite/settings.py:3" } };
  const refused = { writes, read, startsSealed: false };
  expect(checkProject(subject({ learnt: refused }))).toMatchObject([
    {
      id: "project.E017",
      what: 'the app writes huey.sqlite3, as HUEY["filename"] has it, where it cannot',
      where: "mysite/settings.py:3",
      hint: expect.stringContaining("$STATE_DIRECTORY"),
    },
  ]);
  expect(found({ learnt: { ...refused, startsSealed: true } })).toEqual(["project.W017"]);
  // Where no one can tell, it is not tried on a site.
  expect(found({ learnt: { ...refused, startsSealed: undefined } })).toEqual(["project.E017"]);
});

test("hosts, keys and DEBUG", () => {
  expect(found({ facts: { hosts: ["localhost"] } })).toEqual(["project.E014"]);
  expect(found({ facts: { debug: true } })).toEqual(["project.W001"]);
  expect(found({ facts: { secret: { kind: "random" } } })).toEqual(["project.W002"]);
  expect(found({ facts: { secret: { kind: "own" } } })).toEqual(["project.W003"]);
  expect(found({ subject: { secrets: [] } })).toEqual(["project.W004"]);
  expect(admits([".example.com"], "example.com")).toBe(true);
  expect(admits([".example.com"], "a.example.com")).toBe(true);
  expect(admits(["example.com"], "a.example.com")).toBe(false);
  expect(admits([null, "*"], "a.example.com")).toBe(true);
});

test("a project that does not start, unless it lacks a library of this computer or the driver of a server", () => {
  const failure = (message: string, module?: string) => ({
    ...{
      type: "ImproperlyConfigured",
      message,
      where: "mysite/settings.py:3",
      module,
      missing: [],
      unfit: null,
      lines: [],
    },
  });
  expect(found({ learnt: { failure: failure("nonsense") } })).toEqual(["project.E010"]);
  expect(found({ learnt: { failure: failure("Could not find the GDAL library") } })).toEqual([
    "project.E008",
  ]);
  expect(found({ learnt: { failure: failure("cannot load library 'gobject-2.0-0'") } })).toEqual([
    "project.W010",
  ]);
  const psycopg = failure("Error loading psycopg2 module", "psycopg2");
  expect(found({ learnt: { failure: psycopg }, facts: server("postgresql", "") })).toEqual(["project.E007"]);
});

test("what the site does not do: workers, WebSockets, static files that no one serves", () => {
  const apps = [...FACTS.apps, "django_celery_beat", "channels"];
  expect(found({ facts: { apps } })).toEqual(["project.W008", "project.W011"]);
  expect(found({ facts: { apps }, subject: { beside: true } })).toEqual(["project.W011"]);
  const [huey] = checkProject(subject({ facts: { apps: [...FACTS.apps, "huey.contrib.djhuey"] } }));
  expect(huey?.hint).toContain('[worker.huey] run = "python3 manage.py run_huey"');
  const celery = (...more: string[]) => {
    const [first, second] = checkProject(
      subject({
        facts: { apps: [...apps] },
        files: ["manage.py", "shop/__init__.py", "shop/settings.py", "shop/wsgi.py", ...more],
        learnt: { settings: "shop.settings", wsgi: "shop.wsgi:application" },
        subject: { env: { DJANGO_SETTINGS_MODULE: "shop.settings" }, wsgi: "shop.wsgi:application" },
      }),
    );
    return `${first?.hint} ${second?.hint}`;
  };
  expect(celery()).toMatch(/run = "celery -A shop worker".*asgi = "shop\.asgi:application"/);
  expect(celery("shop/jobs/celery_app.py")).toContain('"celery -A shop.jobs.celery_app worker"');
  expect(celery("shop/celery.py")).toContain('"celery -A shop worker"');
  expect(found({ subject: { static: undefined } })).toEqual(["project.W012"]);
  expect(found({ facts: { staticRoot: "public" } })).toEqual(["project.W007"]);
});

test("a project's own settings of gunicorn are named before they count", () => {
  const files = [...subject({}).learnt.layout.names, "gunicorn.conf.py"];
  expect(found({ files })).toEqual(["project.W014"]);
});

test("migrations that fail are told, but not where there is no database, or a server that nothing here reaches", () => {
  const failed = (engine: string) =>
    checkProject(
      subject({
        facts: { databases: { default: { engine, name: undefined, host: undefined } } },
        learnt: {
          started: {
            answer: {
              done: ["migrate"],
              errors: { migrate: { type: "ImproperlyConfigured", message: "no ENGINE" } },
            },
          } as unknown as NonNullable<Subject["learnt"]["started"]>,
        },
      }),
    ).map((f) => f.id);
  expect(failed("django.db.backends.sqlite3")).toContain("project.E015");
  expect(failed("django.db.backends.dummy")).not.toContain("project.E015");
  expect(failed("django.db.backends.mysql")).toEqual(["project.E007"]);
});

describe("what the site writes, and [state]:", () => {
  const sqlite = (name: string) => ({ default: { engine: "django.db.backends.sqlite3", name } });
  const uploads = (mediaRoot: string) => ({
    facts: { mediaRoot },
    learnt: { started: { answer: { fileFields: ["blog.Photo.file"] } } } as unknown as Partial<
      Subject["learnt"]
    >,
  });

  test("SQLite without [state] is one line, with what to write; with uploads in the same", () => {
    const without = { subject: { state: undefined } };
    const [finding, ...more] = checkProject(subject(without));
    expect(more).toEqual([]);
    expect(finding).toMatchObject({
      id: "project.W018",
      what: "the database is SQLite: what is written to it goes with the instance",
      hint: expect.stringContaining('[state] database = "$STATE_DIRECTORY/db.sqlite3" keeps it'),
    });
    const both = checkProject(subject({ ...without, facts: { mediaRoot: "$STATE_DIRECTORY/media" } }));
    expect(both).toMatchObject([
      {
        what: expect.stringContaining("with the instance, and so do uploads"),
        hint: expect.stringContaining('media = "$STATE_DIRECTORY/media"'),
      },
    ]);
  });

  test("a database in the project's folder is refused, unless [state] keeps it there", () => {
    const facts = { databases: sqlite("db.sqlite3") };
    expect(found({ facts })).toEqual(["project.E013"]);
    expect(found({ facts, subject: { state: { database: ["db.sqlite3"] } } })).toEqual([]);
    expect(found({ facts, subject: { state: { database: ["other.sqlite3"] } } })).toEqual(["project.E013"]);
  });

  test("uploads are lost unless [state] keeps their folder", () => {
    expect(found(uploads("media"))).toEqual(["project.W006"]);
    expect(found(uploads("$STATE_DIRECTORY/media"))).toEqual(["project.W006"]);
    for (const media of ["media", "$STATE_DIRECTORY/media"]) {
      const state = { database: ["$STATE_DIRECTORY/db.sqlite3"], media };
      expect(found({ ...uploads(media), subject: { state } })).toEqual([]);
    }
  });

  test("what is kept may be written among the app's own files", () => {
    const writes = ["db.sqlite3", "media/a", "cache/b"].map((path) => ({ path, by: undefined }));
    const state = { database: ["$STATE_DIRECTORY/db.sqlite3", "db.sqlite3"], media: "media" };
    const learnt = { writes } as Partial<Subject["learnt"]>;
    expect(checkProject(subject({ learnt, subject: { state } }))).toMatchObject([
      { id: "project.E017", what: expect.stringContaining("cache/b") },
    ]);
  });
});
