import { execa } from "execa";
import { describe, expect, test } from "vitest";
import { trackedButIgnored } from "../../../provisioner/release/git.ts";
import { importedBy } from "../../../provisioner/release/imports.ts";
import { leftOutFindings } from "../../../provisioner/release/left-out.ts";
import { listProject } from "../../../provisioner/release/project.ts";
import { modernZone, zoneIn } from "../../../provisioner/release/zones.ts";
import { folder, type Tree } from "./folders.ts";

const nothing = { folders: [], collected: false };

const found = async (tree: Tree, served: Parameters<typeof leftOutFindings>[2] = nothing) => {
  const root = folder(tree);
  const findings = await leftOutFindings(await listProject(root), root, served);
  return findings.map(({ where, what, hint }) => `${where}: ${what}; ${hint}`);
};

describe("modules that .gitignore names", () => {
  test("are told when the project imports them, once each, and not else", async () => {
    expect(
      await found({
        ".gitignore": "lib/\nlocal_settings.py\nbuild/\nunused.py\n",
        "lib/__init__.py": "",
        "lib/tools.py": "",
        "build/setup.py": "",
        "site/local_settings.py": "",
        "unused.py": "",
        "site/settings.py": "from .local_settings import *  # noqa\n",
        "site/views.py": "from lib.tools import (\n  a,\n  b,\n)\nimport rebuild\n",
        "site/urls.py": "import lib\n",
      }),
    ).toEqual([
      "lib: is left out, because .gitignore names it, but site/urls.py imports it; bring it back with a line in .everspotignore: !/lib/",
      "site/local_settings.py: is left out, because .gitignore names it, but site/settings.py imports it; bring it back with a line in .everspotignore: !/site/local_settings.py",
    ]);
  });

  test("as an application of the settings, and in a src folder", async () => {
    const tree = { ".gitignore": "lib\n", "src/lib/apps.py": "" };
    expect(
      await found({ ...tree, "src/site/settings.py": 'INSTALLED_APPS = ["lib.apps.Lib"]\n' }),
    ).toHaveLength(1);
    expect(await found({ ...tree, "src/site/views.py": 'os.path.join("lib")\n' })).toEqual([]);
  });
});

test.each([
  ["a/b.py", "from . import c, d as e", ["a", "a.c", "a.d"]],
  ["a/b.py", "from .. import c", ["c"]],
  ["a/b/c.py", "from ..d import *", ["a.d"]],
  ["b.py", "import a.b as c, d  # e", ["a.b", "d"]],
  ["b.py", "    from a.b import c  # d", ["a.b", "a.b.c"]],
  ["b.py", "# import a\nx = 'import b'\n", []],
])("%s with %j names %j", (file, text, names) => {
  expect(importedBy(file, text)).toEqual(names);
});

describe("built files that .gitignore names", () => {
  const tree: Tree = {
    ".gitignore": "/theme/static/css/dist/\n/staticfiles/\n*.map\n",
    "theme/static/css/dist/styles.css": "",
    "theme/static/a.css.map": "",
    "staticfiles/a.css": "",
  };

  test("are told, but not the folder that is collected into on the instance", async () => {
    expect(await found(tree, { folders: ["staticfiles"], collected: true })).toEqual([
      "theme/static/css/dist: holds built files for pages, and is left out, because .gitignore names it; build them before packing, and bring it back with a line in .everspotignore: !/theme/static/css/dist/",
    ]);
    const whole = { ...tree, ".gitignore": "/theme/static\n/staticfiles/\n" };
    expect(await found(whole, { folders: ["staticfiles"], collected: true })).toEqual([
      expect.stringMatching(/^theme\/static: holds built files/),
    ]);
  });

  test("the folder that is served, when nothing makes it", async () => {
    expect(await found(tree, { folders: ["staticfiles"], collected: false })).toEqual([
      expect.stringMatching(/^staticfiles: is the folder of \[app\] static.*collectstatic/),
      expect.stringContaining("theme/static/css/dist"),
    ]);
  });
});

describe("what a project brings back", () => {
  const files = async (tree: Tree) => (await listProject(folder(tree))).files.map((f) => f.path);

  test("!pattern brings back what is left out of every release, but never version control", async () => {
    expect(
      await files({
        ".everspotignore": "!node_modules/\nnode_modules/*\n!node_modules/htmx/\n!venv/\n!.git/\n!kept.pyc\n",
        ".gitignore": "!__pycache__/\n",
        "node_modules/htmx/htmx.js": "",
        "node_modules/other/x.js": "",
        "venv/pyvenv.cfg": "",
        ".git/config": "",
        ".everspot/python/x.py": "",
        "__pycache__/x": "",
        "kept.pyc": "",
      }),
    ).toEqual([".everspotignore", ".gitignore", "kept.pyc", "node_modules/htmx/htmx.js", "venv/pyvenv.cfg"]);
  });

  test("what git has though .gitignore names it is part of the project, unless it is left out anyway", async () => {
    const root = folder({
      ".gitignore": "dist/\n*.log\n",
      ".everspotignore": "*.log\n",
      "dist/app.css": "",
      "dist/new.css": "",
      "kept.log": "",
      "__pycache__/a.pyc": "",
    });
    const git = (...args: string[]) => execa("git", ["-C", root, ...args]);
    await git("init", "-q");
    await git("add", "-f", ".gitignore", "dist/app.css", "kept.log", "__pycache__/a.pyc");
    const tracked = await trackedButIgnored(root, process.env);
    const project = await listProject(root, { tracked });
    expect(project.files.map((f) => f.path)).toEqual([".everspotignore", ".gitignore", "dist/app.css"]);
  });

  test("a name that is not UTF-8 is a problem, and none where it is left out", async () => {
    const root = folder({ ".everspotignore": "*.tmp\n" });
    await execa("sh", [
      "-c",
      'touch "$1/$(printf "a\\\\377.txt")" "$1/$(printf "a\\\\377.tmp")"',
      "sh",
      root,
    ]);
    expect((await listProject(root)).problems).toEqual(['"a\ufffd.txt" has a name that is not UTF-8']);
  });
});

test.each([
  ["US/Eastern", "America/New_York"],
  ["GB", "Europe/London"],
  ["Europe/Paris", undefined],
  ["UTC", undefined],
  ["no zone", undefined],
])("today's name of %s is %s", (name, modern) => {
  expect(modernZone(name)).toBe(modern);
});

test.each([
  ["TIME_ZONE = 'GB'\n", "GB"],
  ['    TIME_ZONE = os.getenv("TZ", "US/Pacific")  # ours\n', "US/Pacific"],
  ['TIME_ZONE = "UTC"\n\nTIME_ZONE = "GB"\n', "GB"],
  ["# TIME_ZONE = 'GB'\n", undefined],
  ["TIME_ZONE = zone\n", undefined],
])("the zone in %j is %s", (text, zone) => {
  expect(zoneIn(text)).toBe(zone);
});
