import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { readDocument } from "../../../agent/site/document.ts";
import { packageFloorDocument, raiseFloor } from "../../../agent/site/layers.ts";
import { keys } from "../../../agent/site/names.ts";
import { seeLayers, tidyLayers } from "../../../provisioner/deploy/old-layers.ts";
import { type LocalS3, startS3 } from "../../agent/site/s3.ts";
import { ManualClock } from "../../cloud/manual-clock.ts";
import { AwsError } from "../../cloud/wire/server.ts";

const DAY = 86_400_000;
let local: LocalS3;
beforeEach(async () => {
  local = await startS3();
});
afterEach(() => local.close());

const sha = (n: number) => String(n).repeat(64);
const archive = (n: number) => keys.layer(sha(n));
const version = (n: number) => ({
  ...{ sha256: sha(n), size: 1, created: "2026-11-01T00:00:00Z", by: "i-1", files: [], index: {} },
});
const old = async (now: number) => (await seeLayers(local.store, now)).old;
const later = () => Date.now() + 2 * DAY;
const name = (key: string, layer: object) =>
  local.store.put(keys.layerPointer(key), JSON.stringify({ version: 2, nonce: "n", ...layer }));

test("archives that no document names are old after a day; what is current, previous or to be tried is not", async () => {
  for (const n of [1, 2, 3, 4, 5]) await local.store.put(archive(n), "tar");
  await local.store.put(`layers/bytecode/${sha(6)}.tar.gz`, "tar");
  await name("a", { current: version(1), previous: version(2), candidate: version(3) });
  await name("b", { current: version(4) });
  expect(await old(later())).toEqual([archive(5)]);
  expect(await old(Date.now())).toEqual([]);
});

test("a document that no one understands may name any of them", async () => {
  await local.store.put(archive(1), "tar");
  await local.store.put(keys.layerPointer("a"), JSON.stringify({ version: 3 }));
  expect(await old(later())).toEqual([]);
});

test("layers of an everspot that could not verify them are old, documents and all", async () => {
  await local.store.put(archive(1), "tar");
  const before = keys.layerPointer("a");
  await local.store.put(before, JSON.stringify({ version: 1, nonce: "n", current: version(1) }));
  await local.store.put(archive(2), "tar");
  await name("b", { current: version(2) });
  expect(await old(later())).toEqual([archive(1), before].sort());
});

test("a deploy notes how old packages are, and lets go of what is old; that it may not note it is reported", async () => {
  for (const n of [1, 2]) await local.store.put(archive(n), "tar");
  const index = { "trixie-security": "2026-11-01T00:00:00.000Z" };
  await name("a", { current: { ...version(1), index } });
  const expired: string[] = [];
  const warned: string[] = [];
  const clock = new ManualClock(later());
  const tidy = () =>
    tidyLayers(
      { store: local.store, bucket: { expire: async (key) => void expired.push(key) } },
      { terminal: { warn: (line) => void warned.push(line) }, clock },
    );
  await tidy();
  const floor = async () => (await readDocument(local.store, packageFloorDocument)).value?.since;
  expect(await floor()).toEqual({ a: index });
  expect(expired).toEqual([archive(2)]);
  // What a hostile machine puts in its place does not lower it.
  await name("a", { current: { ...version(1), index: { "trixie-security": "2025-08-01T00:00:00.000Z" } } });
  await tidy();
  expect(await floor()).toEqual({ a: index });
  expect(warned).toEqual([]);

  await name("a", { current: { ...version(1), index: { "trixie-security": "2026-11-02T00:00:00.000Z" } } });
  local.server.disturb("s3", "PutObject", { error: new AwsError("AccessDenied", "no", 403) });
  await tidy();
  expect(warned).toEqual([expect.stringMatching(/^how old packages may be is not noted: .*everspot github/)]);
  expect(expired).toHaveLength(3);
});

describe("how old packages may be", () => {
  const layers = (...dates: [key: string, index: Record<string, string>][]) =>
    new Map(dates.map(([key, index]) => [key, { current: { ...version(1), index } }]));
  const now = Date.parse("2026-11-20T00:00:00Z");
  const floor = (since: object) => ({ version: 1 as const, nonce: "n", since: since as never });
  const [first, second, future] = ["2026-11-01T00:00:00Z", "2026-11-10T00:00:00Z", "2026-12-01T00:00:00Z"];

  test("rises to what is in use, and never falls", () => {
    const seen = (date: string) => layers(["a", { "trixie-security": date }]);
    const low = raiseFloor(undefined, seen(first), now);
    expect(low?.since).toEqual({ a: { "trixie-security": first } });
    expect(raiseFloor(floor(low?.since ?? {}), seen(second), now)?.since.a).toEqual({
      "trixie-security": second,
    });
    expect(raiseFloor(floor({ a: { "trixie-security": second } }), seen(first), now)).toBeUndefined();
  });

  test("does not believe a date that could not be met: of the future, or of what is seldom signed", () => {
    expect(
      raiseFloor(undefined, layers(["a", { "trixie-security": future, trixie: first }]), now),
    ).toBeUndefined();
  });

  test("has room for every layer of a site, not for all that an instance could name", () => {
    const many = Array.from({ length: 600 }, (_, i): [string, Record<string, string>] => [
      `k${i}`,
      { "trixie-updates": first },
    ]);
    const full = raiseFloor(floor({ ours: { "trixie-security": first } }), layers(...many), now);
    expect(Object.keys(full?.since ?? {})).toHaveLength(500);
    expect(full?.since).toHaveProperty("ours");
  });
});
