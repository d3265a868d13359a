import { createHash } from "node:crypto";
import { createWriteStream } from "node:fs";
import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pipeline } from "node:stream/promises";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { ZipFile } from "yazl";
import { fetchRelease, flushRelease, pruneReleases, type ReleaseDisk } from "../../../agent/release/fetch.ts";
import { platformOf } from "../../../agent/release/fit.ts";
import { keys } from "../../../agent/site/names.ts";
import { JumpingClock } from "../certificate/fixture.ts";
import { type LocalS3, startS3 } from "../site/s3.ts";

let local: LocalS3;
let folder: string;
let disk: ReleaseDisk;
beforeEach(async () => {
  clock = new JumpingClock();
  local = await startS3();
  folder = await mkdtemp(join(tmpdir(), "everspot-fetch-"));
  disk = { releases: join(folder, "releases"), unflushed: join(folder, "unflushed") };
});
afterEach(async () => {
  await local.close();
  await rm(folder, { recursive: true, force: true });
});

const platform = platformOf("debian-13", "x64");

async function publish(id: string, more: object = {}, corrupt = false): Promise<void> {
  const zip = new ZipFile();
  zip.addBuffer(Buffer.from(`print("${id}")\n`), "app/wsgi.py");
  zip.end();
  const file = join(folder, `${id}.zip`);
  await pipeline(zip.outputStream, createWriteStream(file));
  const bytes = await readFile(file);
  const sha256 = createHash("sha256").update(bytes).digest("hex");
  if (corrupt) bytes[20] = (bytes[20] ?? 0) ^ 1;
  await local.store.put(keys.releaseZip(id), bytes);
  const manifest = {
    ...{ version: 1, id, counter: 1, created: "2026-11-21T00:00:00.000Z", sha256, size: bytes.length },
    ...{ unpackedSize: 12, files: 1, ...more },
  };
  await local.store.put(keys.releaseManifest(id), JSON.stringify(manifest));
}
let clock: JumpingClock;
const fetch = (id: string) => fetchRelease(local.store, id, disk, platform, { clock });
const gets = () => local.server.calls.filter((c) => c.operation === "GetObject").length;

test("a release is downloaded, checked, unpacked, and used again from the disk", async () => {
  await publish("r1");
  const first = await fetch("r1");
  expect(first).toMatchObject({ folder: join(disk.releases, "r1"), from: "bucket" });
  expect(await readFile(join(first.folder, "app/wsgi.py"), "utf8")).toBe('print("r1")\n');
  expect(await readdir(disk.releases)).toEqual(["r1"]);
  const before = gets();
  expect(await fetch("r1")).toMatchObject({ from: "disk" });
  expect(gets()).toBe(before);
});

test("what may have been lost in a power cut is fetched again, what was flushed is not", async () => {
  await publish("r1");
  await fetch("r1");
  await rm(disk.unflushed, { recursive: true });
  await writeFile(join(disk.releases, "r1/app/wsgi.py"), "");
  const again = await fetch("r1");
  expect(again.from).toBe("bucket");
  expect(await readFile(join(again.folder, "app/wsgi.py"), "utf8")).toBe('print("r1")\n');
  await flushRelease(disk, "r1");
  await rm(disk.unflushed, { recursive: true });
  expect((await fetch("r1")).from).toBe("disk");
});

test("what a fetch that was killed left is in no one's way", async () => {
  await publish("r1");
  await mkdir(join(disk.releases, ".r1.next/app"), { recursive: true });
  await writeFile(join(disk.releases, ".r1.next/app/half.py"), "");
  await writeFile(join(disk.releases, ".r1.zip"), "half");
  const fetched = await fetch("r1");
  expect(await readdir(join(fetched.folder, "app"))).toEqual(["wsgi.py"]);
  expect(await readdir(disk.releases)).toEqual(["r1"]);
});

describe("refuses, and leaves nothing behind,", () => {
  const refused = async (id: string, message: RegExp) => {
    await expect(fetch(id)).rejects.toThrow(message);
    expect(await readdir(disk.releases)).toEqual([]);
  };
  test("a zip that is not what was published", async () => {
    await publish("r1", {}, true);
    await refused("r1", /is not what was published/);
    await publish("r2", { size: 1 });
    await refused("r2", /is not what was published/);
  });
  test("a release without manifest or zip", async () => {
    await refused("r1", /has no manifest/);
    await publish("r2");
    await local.store.put(keys.releaseManifest("r3"), JSON.stringify({ version: 1 }));
    await refused("r3", /releases.r3\.json .version 1. cannot be read: /);
  });
  test("an id that leads to another folder", async () => {
    await publish("r1");
    await fetch("r1");
    await flushRelease(disk, "r1");
    // Whole by every mark, in a place that is not the agent's.
    await mkdir(join(folder, "theirs"));
    for (const id of ["../theirs", "../releases/r1", "..", ".", "", "a/b"]) {
      await expect(fetch(id), id).rejects.toThrow("not the id of a release");
    }
  });

  test("another Python or processor", async () => {
    await publish("r1", { python: "3.11" });
    await refused("r1", /Python 3.11, this machine has Python 3.13/);
    await publish("r2", { arch: "arm64" });
    await refused("r2", /compiled for arm64, this machine is x86_64/);
  });
  test("the manifest of another release", async () => {
    await publish("r1");
    const manifest = await local.store.get(keys.releaseManifest("r1"));
    await local.store.put(keys.releaseManifest("r9"), manifest?.body ?? "");
    await refused("r9", /the manifest of release r9 is that of /);
  });
});

describe("right after versions were switched on in the bucket", () => {
  const begin = async (versioned: number) => {
    await local.close();
    local = await startS3({ now: () => clock.now(), versioned });
    await publish("r1");
    await expect(local.store.get(keys.releaseManifest("r1"))).resolves.toBeUndefined();
  };

  test("what was written is not found at first, and is looked for again", async () => {
    await begin(45_000);
    expect((await fetch("r1")).from).toBe("bucket");
  });

  test("what is not found for a minute is no fault of the release", async () => {
    await begin(90_000);
    await expect(fetch("r1")).rejects.toMatchObject({ retry: "retry" });
    expect((await fetch("r1")).from).toBe("bucket");
  });
});

test("old releases and left-overs go, wanted ones stay", async () => {
  for (const id of ["r1", "r2"]) await publish(id);
  await fetch("r1");
  await fetch("r2");
  await flushRelease(disk, "r1");
  await flushRelease(disk, "r2");
  await mkdir(join(disk.releases, ".r3.next"));
  await writeFile(join(disk.releases, ".r3.zip"), "");
  await pruneReleases(disk, new Set(["r2"]));
  expect((await readdir(disk.releases)).sort()).toEqual([".r2.whole", "r2"]);
});

test("releases for this machine's own platform fit", () => {
  expect(platformOf("debian-12", "arm64")).toEqual({ python: "3.11", arch: "arm64" });
  expect(() => platformOf("debian-13", "ia32")).toThrow("does not run on ia32");
});
