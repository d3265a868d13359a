import { createHash } from "node:crypto";
import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { execa } from "execa";
import { afterEach, beforeEach, expect, test } from "vitest";
import { makeBytecode } from "../../../agent/release/bytecode.ts";
import { fetchRelease, readManifest } from "../../../agent/release/fetch.ts";
import { systemClock } from "../../../agent/site/clock.ts";
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
function machine(name: string) {
  const disk = { releases: join(folder, name), unflushed: join(folder, `${name}-unflushed`) };
  return {
    fetch: (id: string) =>
      fetchRelease(local.store, id, disk, { python: "3.13", arch: "x86_64" }, { clock: systemClock }),
    make: (id: string) => makeBytecode(join(disk.releases, id)),
    bytecode: async (id: string) =>
      (await readdir(join(disk.releases, id), { recursive: true })).filter((f) => f.endsWith(".pyc")).sort(),
    release: (id: string) => join(disk.releases, id),
    left: () => readdir(disk.releases),
  };
}

test("each machine makes it, out of the release's sources, and Python uses it", async () => {
  await publish("r1");
  const first = machine("first");
  await first.fetch("r1");
  expect(await first.bytecode("r1")).toEqual([]);
  expect(await first.make("r1")).toBe(3);
  const made = await first.bytecode("r1");
  expect(made).toHaveLength(3);
  expect(await first.make("r1")).toBe(0);
  expect(await first.left()).toEqual(["r1"]);
  const { stderr } = await python(first.release("r1"), ["-v", "-c", "import alpha, site_of_ours"]);
  for (const module of ["alpha", "site_of_ours"]) {
    expect(stderr).toMatch(new RegExp(`${module}/__pycache__/__init__\\.cpython-\\d+\\.pyc matches`));
  }
  // No one learns from it where it was made.
  for (const file of made)
    expect(await readFile(join(first.release("r1"), file), "latin1")).not.toContain(folder);
});

test("bytecode that a machine left in the bucket for the next is not executed", async () => {
  await publish("r1");
  const forged = await forgery("r1");
  const next = machine("next");
  const mark = local.server.calls.length;
  await next.fetch("r1");
  expect(await next.bytecode("r1")).toEqual([]);
  const asked = local.server.calls.slice(mark).map((c) => String(c.input.Key));
  expect(asked.filter((key) => key.startsWith("layers/"))).toEqual([]);
  await next.make("r1");
  const { stdout } = await python(next.release("r1"), [
    "-c",
    "import site_of_ours; print(site_of_ours.NAME)",
  ]);
  expect(stdout).toBe("ours");
  // The forgery is one: Python does run it in place of the source.
  await execa("tar", ["-xzf", forged, "-C", next.release("r1")]);
  const fooled = await python(next.release("r1"), ["-c", "import site_of_ours; print(site_of_ours.NAME)"]);
  expect(fooled.stdout).toBe("theirs");
});

const python = (release: string, args: string[]) =>
  execa("python3", args, {
    env: { PATH: process.env.PATH, PYTHONPATH: `${release}/.everspot/python:${release}` },
    extendEnv: false,
  });

/** Where and how an everspot before this one looked for it. @returns the archive. */
async function forgery(id: string): Promise<string> {
  const evil = join(folder, "evil");
  await mkdir(join(evil, "site_of_ours"), { recursive: true });
  await writeFile(join(evil, "site_of_ours/__init__.py"), "NAME = 'theirs'\n");
  await makeBytecode(evil);
  const archive = join(folder, "evil.tar.gz");
  await execa("tar", ["-czf", archive, "-C", evil, "./site_of_ours/__pycache__"]);
  const body = await readFile(archive);
  const sha256 = createHash("sha256").update(body).digest("hex");
  await local.store.put(`layers/bytecode/${sha256}.tar.gz`, body);
  const current = { sha256, size: body.length, created: "2026-11-21T00:00:00.000Z", by: "i", files: [] };
  const key = `${(await readManifest(local.store, id)).sha256}-py3.13`;
  await local.store.put(`layers/bytecode/${key}.json`, JSON.stringify({ version: 1, nonce: "n", current }));
  return archive;
}

test("a release that was packed with it brings it", async () => {
  await publish("r1", { bytecode: true });
  const mark = local.server.calls.length;
  await machine("first").fetch("r1");
  expect(local.server.calls.slice(mark).some((c) => String(c.input.Key).startsWith("layers/"))).toBe(false);
});
