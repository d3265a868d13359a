import { afterEach, beforeEach, expect, test } from "vitest";
import { keys } from "../../../agent/site/names.ts";
import { oldLayers } from "../../../provisioner/deploy/old-layers.ts";
import { type LocalS3, startS3 } from "../../agent/site/s3.ts";

const DAY = 86_400_000;
let local: LocalS3;
beforeEach(async () => {
  local = await startS3();
});
afterEach(() => local.close());

const sha = (n: number) => String(n).repeat(64);
const archive = (n: number) => keys.layer("packages", sha(n));
const version = (n: number) => ({
  ...{ sha256: sha(n), size: 1, created: "2026-11-01T00:00:00Z", by: "i-1", files: [] },
});
const later = () => Date.now() + 2 * DAY;
const name = (key: string, layer: object) =>
  local.store.put(keys.layerPointer("packages", key), JSON.stringify({ version: 1, nonce: "n", ...layer }));

test("archives that no document names are old after a day; what is current, previous or to be tried is not", async () => {
  for (const n of [1, 2, 3, 4, 5]) await local.store.put(archive(n), "tar");
  await local.store.put(keys.layer("bytecode", sha(6)), "tar");
  await name("a", { current: version(1), previous: version(2), candidate: version(3) });
  await name("b", { current: version(4) });
  expect(await oldLayers(local.store, later())).toEqual([archive(5)]);
  expect(await oldLayers(local.store, Date.now())).toEqual([]);
});

test("a document that nobody understands may name any of them", async () => {
  await local.store.put(archive(1), "tar");
  await local.store.put(keys.layerPointer("packages", "a"), JSON.stringify({ version: 2 }));
  expect(await oldLayers(local.store, later())).toEqual([]);
});
