import { cpSync, existsSync, readdirSync, readFileSync } from "node:fs";
import path from "node:path";
import { execa } from "execa";
import { expect, test } from "vitest";
import { compileFiles } from "../../../provisioner/dependencies/bytecode.ts";
import { listTree } from "../../../provisioner/dependencies/list-tree.ts";
import { findCompiler } from "../../../provisioner/dependencies/python.ts";
import { packRelease } from "../../../provisioner/release/pack.ts";
import { folder, write } from "../release/folders.ts";

const { stdout: here } = await execa("python3", [
  "-I",
  "-S",
  "-c",
  "import sys; print('%d.%d' % sys.version_info[:2])",
]);
const env = { PATH: process.env.PATH, HOME: "/nonexistent" };
const python = await findCompiler({ python: here, arch: "x86_64" }, env);

async function compile(root: string, out = root): Promise<void> {
  if (python === undefined) throw new Error("no Python here");
  await compileFiles(python, root, await listTree(root), out, { env });
}

const app = {
  "app/__init__.py": "NAME = __file__\ndef fail():\n    raise ValueError\n",
  "app/data.txt": "x",
  "templates/broken.py": "def {{ name }}:\n",
  "app/binary.py": Buffer.from([0, 1, 2]),
  "manage.py": "import app\n",
};

test("Python takes the bytecode as it is, without looking at the source, and names the right file", async () => {
  const built = folder(app);
  await compile(built);
  const release = path.join(folder(), "moved");
  cpSync(built, release, { recursive: true });
  const cache = readdirSync(path.join(release, "app/__pycache__"));
  expect(cache).toEqual([`__init__.cpython-${here.replace(".", "")}.pyc`]);
  const pyc = readFileSync(path.join(release, "app/__pycache__", cache[0] ?? ""));
  // Flags of PEP 552: hash-based, source not checked.
  expect(pyc.readUInt32LE(4)).toBe(0b01);
  expect(pyc.includes(built)).toBe(false);

  const show = "import app, traceback\ntry: app.fail()\nexcept ValueError: print(traceback.format_exc())";
  write(release, { "app/__init__.py": "raise SystemExit('the source was read')\n\n    raise ValueError\n" });
  const { stdout } = await execa("python3", ["-c", show], {
    env: { ...env, PYTHONPATH: release },
    extendEnv: false,
  });
  expect(stdout).toContain(`File "${release}/app/__init__.py", line 3`);
});

test("the same sources give the same bytes anywhere; what does not compile is left alone", async () => {
  const standard = (await execa("python3", ["-c", "import json, os; print(os.path.dirname(json.__file__))"]))
    .stdout;
  const [one, two] = [folder(app), folder(app)];
  for (const root of [one, two])
    cpSync(standard, path.join(root, "json"), { recursive: true, filter: (f) => !f.includes("__pycache__") });
  const out = folder();
  await Promise.all([compile(one), compile(two, out)]);
  const made = (await listTree(one)).filter((f) => f.path.endsWith(".pyc"));
  expect(made.length).toBeGreaterThan(5);
  for (const file of made) {
    expect(readFileSync(path.join(out, file.path)).equals(readFileSync(file.source)), file.path).toBe(true);
  }
  expect(existsSync(path.join(one, "templates/__pycache__"))).toBe(false);
  expect(existsSync(path.join(two, "app/__pycache__"))).toBe(false);
});

test("a release packed with the instance's Python holds bytecode, another says it does not", async () => {
  const root = folder(app);
  const pack = (version: string) =>
    packRelease({ folder: root, python: version, arch: "x86_64", allow: [], stagingDir: folder(), env });
  const same = await pack(here);
  expect(same).toMatchObject({ bytecode: true, files: 7 });
  expect(await pack("3.99")).toMatchObject({ bytecode: false, files: 5 });
  expect(readdirSync(path.join(root, "app")).sort()).toEqual(["__init__.py", "binary.py", "data.txt"]);
  expect((await pack(here)).sha256).toBe(same.sha256);
});

test("every file is reported once, and a failing Python is an error", async () => {
  const root = folder(app);
  let told = 0;
  if (python === undefined) throw new Error("no Python here");
  await compileFiles(python, root, await listTree(root), root, { env, onFile: () => told++ });
  expect(told).toBe(4);
  const missing = { ...python, command: "/nonexistent/python3" };
  await expect(compileFiles(missing, root, await listTree(root), root, { env })).rejects.toThrow(
    "could not compile",
  );
});
