import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { execa } from "execa";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { compiledOnce } from "../../../agent/packages/bytecode.ts";

/** A machine's folders, and programs in the place of Debian's: its dpkg knows one package. */
let folder: string;
let modules: string;
const FILES = ["__init__.py", "view.py", "template.py"];
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "everspot-modules-"));
  modules = join(folder, "dist-packages/web");
  await mkdir(modules, { recursive: true });
  for (const file of FILES)
    await writeFile(join(modules, file), file === "template.py" ? "def {{" : "NAME = 1\n");
  await writeFile(join(folder, "example.py"), "NAME = 2\n");
  const listed = [folder, ...FILES.map((file) => join(modules, file)), join(folder, "example.py")];
  await program("dpkg-query", `test "$2" = python3-web && printf '%s\\n' ${listed.join(" ")}`);
  await program("py3compile", `echo "$@" >>${join(folder, "asked")}`);
  vi.stubEnv("PATH", `${join(folder, "bin")}:${process.env.PATH}`);
});
afterEach(async () => {
  vi.unstubAllEnvs();
  await rm(folder, { recursive: true, force: true });
});

async function program(name: string, script: string): Promise<void> {
  await mkdir(join(folder, "bin"), { recursive: true });
  await writeFile(join(folder, "bin", name), `#!/bin/sh\n${script}\n`, { mode: 0o755 });
}
const bytecode = async () =>
  (await readdir(folder, { recursive: true }))
    .filter((name) => name.endsWith(".pyc"))
    .map((n) => n.split(".")[0]);
const asked = () => readFile(join(folder, "asked"), "utf8").catch(() => "");
/** As the scripts of Debian's packages do. */
const install = (...calls: string[][]) =>
  compiledOnce(async (PATH) => {
    for (const call of calls) await execa("py3compile", call, { env: { PATH }, extendEnv: false });
    expect([await bytecode(), await asked()]).toEqual([[], ""]);
  }, /\/dist-packages\//);
const WEB = ["dist-packages/web/__pycache__/__init__", "dist-packages/web/__pycache__/view"];

test("what packages' scripts ask for is made once, after dpkg, of modules alone; templates stay as they are", async () => {
  await install(["-p", "python3-web"], ["-p", "python3-web"]);
  expect((await bytecode()).sort()).toEqual(WEB);
  expect(await asked()).toBe("");
});

test("what is more than a package's modules is py3compile's own work", async () => {
  await install(["-p", "python3-web"], ["-p", "python3-web", "/usr/share/web", "-X", "old .*"]);
  expect((await bytecode()).sort()).toEqual(WEB);
  expect(await asked()).toBe("-p python3-web /usr/share/web -X old .*\n");
});

test("where it cannot be made at once, py3compile makes it", async () => {
  await program("python3", "exit 1");
  await install(["-p", "python3-web"]);
  expect([await bytecode(), await asked()]).toEqual([[], "-p python3-web\n"]);
});

test("an installation that fails half-way has bytecode of what is there, and fails", async () => {
  const failing = compiledOnce(async (PATH) => {
    await execa("py3compile", ["-p", "python3-web"], { env: { PATH }, extendEnv: false });
    throw new Error("no space left");
  }, /\/dist-packages\//);
  await expect(failing).rejects.toThrow("no space left");
  expect((await bytecode()).sort()).toEqual(WEB);
});
