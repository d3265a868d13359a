import { mkdirSync, statSync, symlinkSync, utimesSync, writeFileSync } from "node:fs";
import net from "node:net";
import path from "node:path";
import { expect, test } from "vitest";
import { listProject } from "../../../provisioner/release/project.ts";
import { folder } from "./folders.ts";

const paths = async (root: string) => (await listProject(root)).files.map((f) => f.path);

test("leaves out version control, environments, caches and bytecode, and nothing else", async () => {
  const root = folder({
    "manage.py": "",
    "everspot.toml": "",
    ".everspotignore": "notes\n",
    notes: "",
    "app/views.py": "",
    "app/__pycache__/views.cpython-311.pyc": "",
    "app/old.pyc": "",
    ".git/config": "",
    "sub/.git": "gitdir: ../.git/modules/sub",
    "sub/x": "",
    ".venv/bin/python": "",
    "venv/x": "",
    "environment/pyvenv.cfg": "",
    "environment/lib/x.py": "",
    "node_modules/a/b.js": "",
    "web/node_modules/a/b.js": "",
    ".everspot/python/x.py": "",
    ".DS_Store": "",
    "app/.#views.py": { link: "ann@laptop.1234" },
    ".well-known/security.txt": "",
    "docs/venv.md": "",
  });
  expect(await paths(root)).toEqual([
    ".everspotignore",
    ".well-known/security.txt",
    "app/views.py",
    "docs/venv.md",
    "everspot.toml",
    "manage.py",
    "sub/x",
  ]);
});

test("leaves out what the site keeps outside of its releases, with what SQLite makes beside it, in git or not", async () => {
  const root = folder({
    ...{ "manage.py": "", "data/db.sqlite3": "", "data/db.sqlite3-wal": "", "data/db.sqlite3-shm": "" },
    ...{ "data/other.sqlite3": "", "media/a.png": "", "media/b/c.png": "", "app/media/d.png": "" },
    ".gitignore": "media/\n",
  });
  const { files, leftOut } = await listProject(root, {
    tracked: ["media/a.png", "media/b/c.png"],
    kept: ["data/db.sqlite3", "media"],
  });
  expect(files.map((f) => f.path)).toEqual([".gitignore", "data/other.sqlite3", "manage.py"]);
  // The pattern is for each folder of that name.
  expect(leftOut).toEqual([{ path: "app/media", folder: true }]);
});

test("is in byte order, and knows sizes and x bits", async () => {
  const root = folder({
    b: "12",
    B: "",
    "a.py": "",
    "a/x": "",
    "a-b": { script: "#!/bin/sh\n" },
    ü: "",
    z: "",
  });
  const { files } = await listProject(root);
  expect(files.map((f) => f.path)).toEqual(["B", "a-b", "a.py", "a/x", "b", "z", "ü"]);
  expect(files.find((f) => f.path === "b")).toMatchObject({
    size: 2,
    executable: false,
    source: path.join(root, "b"),
  });
  expect(files.find((f) => f.path === "a-b")?.executable).toBe(true);
});

test("links inside become copies", async () => {
  const root = folder({
    "settings/prod.py": "DEBUG = False\n",
    "settings/run": { script: "x" },
    "local.py": { link: "settings/prod.py" },
    config: { link: "settings" },
    "deep/er/up.py": { link: "../../local.py" },
  });
  const { files, problems } = await listProject(root);
  expect(problems).toEqual([]);
  expect(files.map((f) => [f.path, path.relative(root, f.source), f.executable])).toEqual([
    ["config/prod.py", "settings/prod.py", false],
    ["config/run", "settings/run", true],
    ["deep/er/up.py", "settings/prod.py", false],
    ["local.py", "settings/prod.py", false],
    ["settings/prod.py", "settings/prod.py", false],
    ["settings/run", "settings/run", true],
  ]);
});

test("every other link is a problem, all named at once", async () => {
  const outside = folder({ secret: "x" });
  const root = folder({
    ".gitignore": "ignored\nskipped\n",
    ignored: "secret",
    "a/x": "",
    "to-ignored": { link: "ignored" },
    "to-git": { link: ".git/config" },
    ".git/config": "token",
    dangling: { link: "nowhere" },
    absolute: { link: path.join(outside, "secret") },
    parent: { link: ".." },
    "a/self": { link: ".." },
    "a/loop": { link: "loop" },
    "b/inner": { link: "../a/x" },
    "to-b": { link: "b" },
    skipped: { link: "/etc/passwd" },
  });
  const { files, problems } = await listProject(root);
  expect(files.map((f) => f.path)).toEqual([".gitignore", "a/x", "b/inner"]);
  expect(problems.sort()).toEqual([
    "a/loop is a symbolic link to loop, which leads nowhere",
    "a/self is a symbolic link to .., a folder that has links itself",
    `absolute is a symbolic link to ${outside}/secret, which is outside the project`,
    "dangling is a symbolic link to nowhere, which leads nowhere",
    "parent is a symbolic link to .., which is outside the project",
    "to-b is a symbolic link to b, a folder that has links itself",
    "to-git is a symbolic link to .git/config, which is left out of the release",
    "to-ignored is a symbolic link to ignored, which is left out of the release",
  ]);
});

test("a link beside a folder of almost the same name is not inside it", async () => {
  const outer = folder({ "site-other/x": "secret" });
  mkdirSync(path.join(outer, "site"));
  const root = path.join(outer, "site");
  symlinkSync("../site-other/x", path.join(root, "x"));
  expect((await listProject(root)).problems).toEqual([
    "x is a symbolic link to ../site-other/x, which is outside the project",
  ]);
});

test("names no instance could unpack are problems", async () => {
  const root = folder({ "a\\b": "", "Readme.md": "", "README.md": "", "new\nline": "" });
  const { problems } = await listProject(root);
  expect(problems).toHaveLength(3);
  expect(problems.join("\n")).toMatch(/"Readme.md" differs from "README.md" only in case/);
});

test("a socket is left out with a warning", async () => {
  const root = folder({ "app.py": "" });
  const server = net.createServer().listen(path.join(root, "run.sock"));
  await new Promise((resolve) => server.once("listening", resolve));
  const { files, warnings } = await listProject(root);
  server.close();
  expect(files.map((f) => f.path)).toEqual(["app.py"]);
  expect(warnings).toEqual(["run.sock is neither a file nor a folder; left out"]);
});

test("a changed file has another stamp, also when its time is set back", async () => {
  const root = folder({ "app.py": "one" });
  const [before] = (await listProject(root)).files;
  const { mtime } = statSync(path.join(root, "app.py"));
  writeFileSync(path.join(root, "app.py"), "two");
  utimesSync(path.join(root, "app.py"), mtime, mtime);
  const [after] = (await listProject(root)).files;
  expect(after?.stamp).not.toBe(before?.stamp);
});
