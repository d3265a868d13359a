import { createHash } from "node:crypto";
import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { execa } from "execa";
import { afterEach, beforeEach, expect, test } from "vitest";
import { saveLayer } from "../../../agent/packages/layer.ts";
import { makeBytecode } from "../../../agent/release/bytecode.ts";
import { fetchRelease, readManifest } from "../../../agent/release/fetch.ts";
import { bytecodeKey } from "../../../agent/site/layers.ts";
import { keys } from "../../../agent/site/names.ts";
import { type LocalS3, startS3 } from "../site/s3.ts";
import { rawZip } from "./unzip-zips.ts";

let local: LocalS3;
let folder: string;
beforeEach(async () => {
  local = await startS3();
  folder = await mkdtemp(join(tmpdir(), "everspot-bytecode-"));
});
afterEach(async () => {
  await local.close();
  await rm(folder, { recursive: true, force: true });
});

const files = {
  "manage.py": "import site_of_ours\n",
  "site_of_ours/__init__.py": "NAME = 'ours'\n",
  "templates/page.py": "def {{ name }}:\n",
  ".everspot/python/alpha/__init__.py": "ANSWER = 42\n",
};

async function publish(id: string, more: object = {}): Promise<void> {
  const zip = rawZip(Object.entries(files).map(([name, data]) => ({ name, data, mode: 0o100644 })));
  const sha256 = createHash("sha256").update(zip).digest("hex");
  await local.store.put(keys.releaseZip(id), zip);
  const manifest = {
    ...{ version: 1, id, counter: 1, created: "2026-11-21T00:00:00.000Z", sha256, size: zip.length },
    ...{ unpackedSize: 100, files: Object.keys(files).length, bytecode: false, ...more },
  };
  await local.store.put(keys.releaseManifest(id), JSON.stringify(manifest));
}

/** A machine with a disk of its own. */
function machine(name: string, python = "3.13") {
  const disk = { releases: join(folder, name), unflushed: join(folder, `${name}-unflushed`) };
  return {
    fetch: (id: string) => fetchRelease(local.store, id, disk, { python, arch: "x86_64" }),
    make: async (id: string) =>
      makeBytecode(
        local.store,
        await readManifest(local.store, id),
        python,
        join(disk.releases, id),
        `i-${name}`,
      ),
    bytecode: async (id: string) =>
      (await readdir(join(disk.releases, id), { recursive: true })).filter((f) => f.endsWith(".pyc")).sort(),
    release: (id: string) => join(disk.releases, id),
    left: () => readdir(disk.releases),
  };
}
const layers = async () => (await local.store.list("layers/bytecode/")).map((o) => o.key);

test("the first machine makes it, the next ones fetch it, and Python uses it", async () => {
  await publish("r1");
  const first = machine("first");
  await first.fetch("r1");
  expect(await first.bytecode("r1")).toEqual([]);
  expect(await first.make("r1")).toBe(3);
  const made = await first.bytecode("r1");
  expect(made).toHaveLength(3);
  expect(await layers()).toHaveLength(2);
  const mark = local.server.calls.length;
  expect(await first.make("r1")).toBe(0);
  expect(local.server.calls.slice(mark).map((c) => c.operation)).toEqual(["GetObject"]);

  const second = machine("second");
  expect(await second.fetch("r1")).not.toHaveProperty("problem");
  expect(await second.bytecode("r1")).toEqual(made);
  expect(await second.make("r1")).toBe(0);
  expect(await second.left()).toEqual(["r1"]);
  const release = second.release("r1");
  const env = { PATH: process.env.PATH, PYTHONPATH: `${release}/.everspot/python:${release}` };
  const { stderr } = await execa("python3", ["-v", "-c", "import alpha, site_of_ours"], {
    env,
    extendEnv: false,
  });
  for (const module of ["alpha", "site_of_ours"]) {
    expect(stderr).toMatch(new RegExp(`${module}/__pycache__/__init__\\.cpython-\\d+\\.pyc matches`));
  }
  // Nobody learns from it where it was made.
  for (const file of made) expect(await readFile(join(release, file), "latin1")).not.toContain(folder);
});

test("it is bound to what the release holds and to the Python", async () => {
  await publish("r1");
  const first = machine("first");
  await first.fetch("r1");
  await first.make("r1");
  const other = machine("other", "3.11");
  await other.fetch("r1");
  expect(await other.bytecode("r1")).toEqual([]);
  // The same content under another name.
  await publish("r2");
  await other.make("r1");
  const again = machine("again");
  await again.fetch("r2");
  expect(await again.bytecode("r2")).toHaveLength(3);
});

test("a release that was packed with it neither fetches nor makes any", async () => {
  await publish("r1", { bytecode: true });
  const mark = local.server.calls.length;
  await machine("first").fetch("r1");
  expect(local.server.calls.slice(mark).some((c) => String(c.input.Key).startsWith("layers/"))).toBe(false);
});

test("what was damaged is not used, and made anew", async () => {
  await publish("r1");
  const first = machine("first");
  await first.fetch("r1");
  await first.make("r1");
  const archive = (await layers()).find((key) => key.endsWith(".tar.gz")) ?? "";
  await local.store.put(archive, "not what it was");
  const second = machine("second");
  expect((await second.fetch("r1")).problem).toMatch(/^bytecode not used: the bytecode layer is damaged/);
  expect(await second.bytecode("r1")).toEqual([]);
  expect(await second.make("r1")).toBe(3);
  const third = machine("third");
  expect(await third.fetch("r1")).not.toHaveProperty("problem");
  expect(await third.bytecode("r1")).toHaveLength(3);
});

test("an archive adds bytecode and nothing else", async () => {
  await publish("r1");
  const evil = join(folder, "evil");
  await mkdir(join(evil, "a/__pycache__"), { recursive: true });
  await writeFile(join(evil, "manage.py"), "import evil\n");
  await writeFile(join(evil, "a/__pycache__/more.py"), "import evil\n");
  await writeFile(join(evil, "a/__pycache__/a.cpython-313.pyc"), "bytecode");
  const { sha256 } = await readManifest(local.store, "r1");
  await saveLayer(
    local.store,
    "bytecode",
    bytecodeKey(sha256, "3.13"),
    evil,
    ["./manage.py", "./a"],
    "i",
    [],
  );
  const second = machine("second");
  await second.fetch("r1");
  expect(await readFile(join(second.release("r1"), "manage.py"), "utf8")).toBe(files["manage.py"]);
  expect(await readdir(join(second.release("r1"), "a/__pycache__"))).toEqual(["a.cpython-313.pyc"]);
});
