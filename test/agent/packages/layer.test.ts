import { chmod, mkdir, mkdtemp, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { fetchVersion, saveLayer, storeVersion } from "../../../agent/packages/layer.ts";
import { readDocument } from "../../../agent/site/document.ts";
import { packageLayerDocument } from "../../../agent/site/layers.ts";
import { type LocalS3, startS3 } from "../site/s3.ts";

let local: LocalS3;
let folder: string;
beforeEach(async () => {
  local = await startS3();
  folder = await mkdtemp(join(tmpdir(), "everspot-layer-"));
});
afterEach(async () => {
  await local.close();
  await rm(folder, { recursive: true, force: true });
});

const DEB = "web_1.0_all.deb";
async function made() {
  const place = join(folder, "made");
  await mkdir(place);
  await writeFile(join(place, DEB), "a package");
  await writeFile(join(place, "trixie.InRelease"), "signed");
  const index = { files: ["trixie.InRelease"], dates: { trixie: "2026-11-01T00:00:00.000Z" } };
  return { folder: place, debs: [DEB], index, by: "i-1" };
}

test("no file of an archive runs as root for who starts it", async () => {
  const what = await made();
  await chmod(join(what.folder, DEB), 0o6755);
  const version = await storeVersion(local.store, what);
  const place = join(folder, "got");
  await fetchVersion(local.store, version, place);
  expect((await stat(join(place, DEB))).mode & 0o7777).toBe(0o755);
});

test("a document that no one can read does not keep the site from a layer forever", async () => {
  const document = packageLayerDocument("key");
  for (const garbage of ["not JSON", JSON.stringify({ version: 2, nonce: "x", current: "gone" })]) {
    await local.store.put(document.key, garbage);
    const saved = await saveLayer(local.store, "key", { ...(await made()), by: garbage });
    expect((await readDocument(local.store, document)).value?.current).toEqual(saved);
    await rm(join(folder, "made"), { recursive: true });
  }
});
