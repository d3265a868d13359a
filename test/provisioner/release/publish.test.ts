import { createHash, randomUUID } from "node:crypto";
import { writeFileSync } from "node:fs";
import path from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { channelDocument, quarantine } from "../../../agent/site/channel.ts";
import { readDocument, updateDocument } from "../../../agent/site/document.ts";
import { keys } from "../../../agent/site/names.ts";
import { ConditionFailed, type ObjectStore, WriteConflict } from "../../../agent/site/store.ts";
import type { Packed } from "../../../provisioner/release/pack.ts";
import { publishRelease } from "../../../provisioner/release/publish.ts";
import {
  listReleases,
  listStates,
  type ReleaseRow,
  superseded,
} from "../../../provisioner/release/releases.ts";
import { type LocalS3, startS3 } from "../../agent/site/s3.ts";
import { folder } from "./folders.ts";

let local: LocalS3;
let store: ObjectStore;
beforeEach(async () => {
  local = await startS3();
  store = local.store;
});
afterEach(() => local.close());

const NOW = Date.parse("2026-11-01T12:00:00.000Z");
const clock = { now: () => NOW, sleep: async () => {} };

function packed(content: string): Packed {
  const file = path.join(folder(), "release.zip");
  writeFileSync(file, content);
  const sha256 = createHash("sha256").update(content).digest("hex");
  return {
    file,
    sha256,
    size: content.length,
    unpackedSize: 7,
    files: 2,
    bytecode: true,
    packages: [],
    findings: [],
  };
}

const publish = (content: string, to = store) =>
  publishRelease(to, packed(content), { by: "ann@laptop", clock });
const channelNow = async () => (await readDocument(store, channelDocument)).value;
const objects = async () => (await store.list("")).map((o) => o.key);
const set = (change: (now: NonNullable<Awaited<ReturnType<typeof channelNow>>>) => object) =>
  updateDocument(store, channelDocument, (now) => {
    if (now === undefined) throw new Error("no channel");
    return { ...now, ...change(now) };
  });

test("a release has its zip, a manifest about it, and is the candidate", async () => {
  const release = {
    ...packed("zip"),
    git: { commit: "c0ffee", dirty: true },
    python: "3.13",
    arch: "arm64" as const,
  };
  const published = await publishRelease(store, release, { by: "ann@laptop", clock });
  const id = `r000001-${release.sha256.slice(0, 8)}`;
  expect(published).toEqual({ id, counter: 1, state: "candidate", reused: false, first: true });
  expect(await objects()).toEqual(["channel.json", keys.releaseManifest(id), keys.releaseZip(id)]);
  expect(new TextDecoder().decode((await store.get(keys.releaseZip(id)))?.body)).toBe("zip");
  expect(JSON.parse(new TextDecoder().decode((await store.get(keys.releaseManifest(id)))?.body))).toEqual({
    version: 1,
    id,
    counter: 1,
    created: "2026-11-01T12:00:00.000Z",
    sha256: release.sha256,
    size: 3,
    unpackedSize: 7,
    files: 2,
    git: { commit: "c0ffee", dirty: true },
    by: "ann@laptop",
    python: "3.13",
    arch: "arm64",
    bytecode: true,
  });
  expect(await channelNow()).toMatchObject({ counter: 1, candidate: { id, attempts: [] }, quarantined: [] });
});

test("what a new bucket does not show yet is waited for", async () => {
  await local.close();
  let now = NOW;
  local = await startS3({ now: () => now, versioned: 45_000 });
  const sleep = async (ms: number): Promise<void> => {
    now += ms;
  };
  const moved = { now: () => now, sleep };
  const published = await publishRelease(local.store, packed("zip"), { by: "ann@laptop", clock: moved });
  expect(await local.store.head(keys.releaseZip(published.id))).toMatchObject({ size: 3 });
  expect((await readDocument(local.store, channelDocument)).value?.candidate?.id).toBe(published.id);
});

test("what serves stays while a new one is the candidate", async () => {
  const one = await publish("one");
  await set(() => ({ candidate: undefined, current: one.id, lastKnownGood: one.id }));
  const two = await publish("two");
  expect(two).toMatchObject({ counter: 2, first: false });
  expect(await channelNow()).toMatchObject({
    candidate: { id: two.id },
    current: one.id,
    lastKnownGood: one.id,
  });
});

describe("the same content again", () => {
  test("while it is the candidate, or current, is the same release and writes nothing", async () => {
    const one = await publish("one");
    const before = await objects();
    expect(await publish("one")).toMatchObject({
      id: one.id,
      counter: 1,
      state: "candidate",
      reused: true,
      first: true,
    });
    await set(() => ({ candidate: undefined, current: one.id }));
    const written = local.server.calls.filter((c) => c.operation === "PutObject").length;
    expect(await publish("one")).toMatchObject({ id: one.id, state: "current", reused: true, first: false });
    expect(local.server.calls.filter((c) => c.operation === "PutObject")).toHaveLength(written);
    expect(await objects()).toEqual(before);
  });

  test("as the current release while another is to be tried, is a release to follow that one", async () => {
    const one = await publish("one");
    await set(() => ({ candidate: undefined, current: one.id }));
    await publish("two");
    expect(await publish("one")).toMatchObject({ counter: 3, state: "candidate", reused: false });
  });

  test("when its attempts are spent, or it is quarantined, is tried as a new release", async () => {
    const one = await publish("one");
    const attempt = { instance: "i-1", at: new Date(NOW).toISOString() };
    await set(() => ({ candidate: { id: one.id, attempts: [attempt, attempt] } }));
    const two = await publish("one");
    expect(two).toMatchObject({ counter: 2, reused: false });
    await set((now) => quarantine(now, two.id, "HTTP 500", attempt.at) ?? {});
    expect((await channelNow())?.quarantined).toHaveLength(1);
    await set((now) => ({ ...now, candidate: undefined }));
    expect(await publish("one")).toMatchObject({ counter: 3, reused: false });
  });
});

/** The store, of which the n-th writing call does this instead. */
function failing(n: number, fail: (write: () => Promise<unknown>) => Promise<never>): ObjectStore {
  let writes = 0;
  const maybe = async <T>(write: () => Promise<T>): Promise<T> => (++writes === n ? fail(write) : write());
  return {
    ...store,
    put: (...args) => maybe(() => store.put(...args)),
    upload: (...args) => maybe(() => store.upload(...args)),
  };
}

describe("cut off", () => {
  /** Writes of a publication: the number, the zip, the manifest, the candidate. */
  test.each([
    [1, "before the write"],
    [2, "before the write"],
    [3, "before the write"],
    [4, "before the write"],
    [1, "after the write"],
    [2, "after the write"],
    [3, "after the write"],
  ])("at write %i, %s: no instance finds a release, and the next try publishes one", async (n, when) => {
    const killed = failing(n, async (write) => {
      if (when === "after the write") await write();
      throw new Error("killed");
    });
    await expect(publish("one", killed)).rejects.toThrow("killed");
    expect((await channelNow())?.candidate).toBeUndefined();

    const published = await publish("one");
    expect(published).toMatchObject({ state: "candidate", reused: false, first: true });
    expect((await channelNow())?.candidate?.id).toBe(published.id);
    const rows = await listReleases(store, NOW);
    expect(rows.filter((r) => r.states.length > 0).map((r) => r.id)).toEqual([published.id]);
  });

  test("after the last write, the next try finds the release published", async () => {
    const killed = failing(4, async (write) => {
      await write();
      throw new Error("killed");
    });
    await expect(publish("one", killed)).rejects.toThrow("killed");
    expect(await publish("one")).toMatchObject({ counter: 1, reused: true });
  });

  test.each([2, 3])("an answer lost at write %i: its own object is no stranger's", async (n) => {
    const lost = failing(n, async (write) => {
      await write();
      throw new ConditionFailed();
    });
    expect(await publish("one", lost)).toMatchObject({ counter: 1, state: "candidate" });
  });

  test.each([2, 3])("a conflict at write %i is tried again", async (n) => {
    const conflict = failing(n, async () => {
      throw new WriteConflict();
    });
    expect(await publish("one", conflict)).toMatchObject({ counter: 1, state: "candidate" });
    expect(await objects()).toHaveLength(3);
  });

  test("an upload that arrived short is noticed before anything names it", async () => {
    const short: ObjectStore = {
      ...store,
      upload: async (key) => {
        await store.put(key, "z");
      },
    };
    await expect(publish("one", short)).rejects.toMatchObject({
      message: expect.stringContaining("arrived with 1 bytes instead of 3"),
      retry: "retry",
    });
    expect((await channelNow())?.candidate).toBeUndefined();
  });

  test("by the signal: nothing is named", async () => {
    const stop = new AbortController();
    const onProgress = () => stop.abort(new Error("enough"));
    const publishing = publishRelease(store, packed("one"), {
      by: "a",
      clock,
      signal: stop.signal,
      onProgress,
    });
    await expect(publishing).rejects.toThrow("enough");
    expect((await channelNow())?.candidate).toBeUndefined();
  });
});

test("at once, each gets a number of its own, and the newest is the candidate whoever is last", async () => {
  const all = await Promise.allSettled(Array.from({ length: 5 }, (_, i) => publish(`content ${i}`)));
  const done = all.flatMap((r) => (r.status === "fulfilled" ? [r.value] : []));
  expect(new Set(done.map((p) => p.counter)).size).toBe(done.length);
  for (const r of all)
    if (r.status === "rejected") expect(String(r.reason.message)).toMatch(/was published while/);
  const now = await channelNow();
  expect(now?.counter).toBe(5);
  expect(now?.candidate?.id.startsWith("r000005-")).toBe(true);
});

describe("the list", () => {
  test("newest first, each with what it is; half releases are not there", async () => {
    const ids: string[] = [];
    for (const content of ["one", "two", "three", "four"]) ids.push((await publish(content)).id);
    await set(() => ({
      candidate: { id: ids[3], attempts: [] },
      current: ids[2],
      lastKnownGood: ids[0],
      previous: ids[0],
      quarantined: [{ id: ids[1], at: new Date(NOW).toISOString(), reason: "HTTP 500" }],
    }));
    await store.put(keys.releaseZip(`r000099-${randomUUID().slice(0, 8)}`), "half");
    const rows = await listReleases(store, NOW + 60_000);
    expect(rows.map((r) => [r.id, r.states])).toEqual([
      [ids[3], ["candidate"]],
      [ids[2], ["current"]],
      [ids[1], ["quarantined"]],
      [ids[0], ["last known good", "previous"]],
    ]);
    expect(await listStates(store)).toEqual(rows.map(({ id, states }) => ({ id, states })));
    expect(rows[2]?.quarantined).toEqual({ at: new Date(NOW).toISOString(), reason: "HTTP 500" });
    expect(rows[0]).toMatchObject({ age: 60, manifest: { by: "ann@laptop", counter: 4 } });
  });

  test("of an empty bucket is empty", async () => {
    expect(await listReleases(store, NOW)).toEqual([]);
  });

  test("superseded are those beyond the newest ten that nothing may run", async () => {
    await publish("one");
    const [row] = await listReleases(store, NOW);
    if (row === undefined) throw new Error("no release");
    const rows = Array.from({ length: 14 }, (_, i): ReleaseRow => ({ ...row, id: `r${13 - i}`, states: [] }));
    const state = (n: number, ...states: ReleaseRow["states"]) =>
      Object.assign(rows[13 - n] ?? {}, { states });
    state(13, "current");
    state(1, "last known good");
    state(0, "quarantined");
    expect(superseded(rows).sort()).toEqual(["r0", "r2", "r3"]);
  });

  test("a manifest of another form is an error that names it", async () => {
    const { id } = await publish("one");
    await store.put(keys.releaseManifest(id), JSON.stringify({ version: 2 }));
    await expect(listReleases(store, NOW)).rejects.toThrow(
      `releases/${id}.json (version 2) cannot be read: version`,
    );
  });
});
