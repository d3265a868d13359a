import { createHash } from "node:crypto";
import { mkdtemp, readdir, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pino } from "pino";
import { afterEach, beforeEach, expect, test } from "vitest";
import { afterBoot } from "../../../agent/boot/after-boot.ts";
import type { Machine } from "../../../agent/machine/machine.ts";
import { Candidates } from "../../../agent/release/candidates.ts";
import { fetchRelease } from "../../../agent/release/fetch.ts";
import { channelDocument } from "../../../agent/site/channel.ts";
import { systemClock } from "../../../agent/site/clock.ts";
import { updateDocument } from "../../../agent/site/document.ts";
import { keys } from "../../../agent/site/names.ts";
import { rawZip } from "../release/unzip-zips.ts";
import { type LocalS3, startS3 } from "../site/s3.ts";

let local: LocalS3;
let folder: string;
beforeEach(async () => {
  local = await startS3();
  folder = await mkdtemp(join(tmpdir(), "everspot-after-boot-"));
});
afterEach(async () => {
  await local.close();
  await rm(folder, { recursive: true, force: true });
});

test("the release gets its bytecode and is on the disk for good; what no one wants any more is gone", async () => {
  const disk = { releases: join(folder, "releases"), unflushed: join(folder, "unflushed") };
  const platform = { python: "3.13", arch: "x86_64" } as const;
  for (const id of ["r1", "r2", "r3"]) {
    const zip = rawZip([{ name: "site/wsgi.py", data: `ID = "${id}"\n`, mode: 0o100644 }]);
    const sha256 = createHash("sha256").update(zip).digest("hex");
    await local.store.put(keys.releaseZip(id), zip);
    const manifest = {
      ...{ version: 1, id, counter: 1, created: "2026-11-21T00:00:00.000Z", sha256, size: zip.length },
      ...{ unpackedSize: 12, files: 1, bytecode: false },
    };
    await local.store.put(keys.releaseManifest(id), JSON.stringify(manifest));
    await fetchRelease(local.store, id, disk, platform, { clock: systemClock });
  }
  await updateDocument(local.store, channelDocument, () => ({
    ...{ version: 1 as const, counter: 3, quarantined: [], current: "r3", previous: "r2" },
  }));
  const done: string[] = [];
  const machine = {
    ...{ store: local.store, disk, platform, candidates: new Candidates(local.store, systemClock) },
    units: {
      list: async () => ["everspot-app@r2.service", "everspot-app@r3.service"],
      stop: async (unit: string) => void done.push(`stop ${unit}`),
    },
    packages: { keep: async () => void done.push("keep packages") },
    host: {
      earlierStatic: async (id: string) => void done.push(`earlier files than ${id}'s`),
      keepStatic: async (id: string) => void done.push(`keep ${id}'s files`),
    },
    identity: { instance: "i-1" },
  } as unknown as Machine;
  await afterBoot(machine, { release: "r3" }, pino({ level: "silent" }), new AbortController().signal);

  expect(done).toEqual([
    "stop everspot-app@r2.service",
    "keep packages",
    "earlier files than r3's",
    "keep r3's files",
  ]);
  expect((await readdir(disk.releases)).sort()).toEqual([".r3.whole", "r2", "r3"]);
  const files = await readdir(join(disk.releases, "r3"), { recursive: true });
  expect(files.filter((f) => f.endsWith(".pyc"))).toHaveLength(1);
  // The next machine would run what lies there in place of the release's sources.
  expect(await local.store.list("layers/")).toEqual([]);
});
