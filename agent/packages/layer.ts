import { createHash } from "node:crypto";
import { createReadStream } from "node:fs";
import { mkdir, readdir, rm, stat } from "node:fs/promises";
import { basename } from "node:path";
import { pipeline } from "node:stream/promises";
import { readDocument, updateDocument } from "../site/document.ts";
import { EverspotError } from "../site/errors.ts";
import { type LayerVersion, packageLayerDocument } from "../site/layers.ts";
import { keys } from "../site/names.ts";
import type { ObjectStore } from "../site/store.ts";
import { run } from "../system/run.ts";

/**
 * Brings the packages of a key from the bucket into a folder. @returns their file names; undefined when the
 * bucket has no such layer. @throws EverspotError when it is not what it should be.
 */
export async function fetchLayer(
  store: ObjectStore,
  key: string,
  folder: string,
): Promise<string[] | undefined> {
  const { value } = await readDocument(store, packageLayerDocument(key));
  if (value === undefined) return undefined;
  const { sha256, files } = value.current;
  const archive = `${folder}.tar.gz`;
  const resource = `${store.url}/${keys.layer("packages", sha256)}`;
  try {
    await mkdir(folder, { recursive: true });
    const got = await store.download(keys.layer("packages", sha256), archive);
    if (got === undefined) throw new EverspotError("the package layer is not in the bucket", { resource });
    if (got.sha256 !== sha256) {
      throw new EverspotError(`the package layer is damaged: its SHA-256 is ${got.sha256}`, { resource });
    }
    await run("tar", ["-xzf", archive, "-C", folder, "--no-same-owner"]);
    const there = new Set(await readdir(folder));
    const missing = files.filter((file) => basename(file) !== file || !there.has(file));
    if (missing.length > 0)
      throw new EverspotError(`the package layer lacks ${missing.join(", ")}`, { resource });
    return files;
  } finally {
    await rm(archive, { force: true });
  }
}

/**
 * Keeps the packages of a folder in the bucket under a key, so that the next machine needs no mirror. Two
 * instances may do so at once: both archives are good, one stays.
 */
export async function saveLayer(
  store: ObjectStore,
  key: string,
  folder: string,
  files: readonly string[],
  by: string,
): Promise<LayerVersion> {
  const archive = `${folder}.tar.gz`;
  try {
    await run("tar", ["-cf", archive, "-I", "gzip -1", "-C", folder, "--", ...files], { seconds: 300 });
    const sha256 = await hashFile(archive);
    const current: LayerVersion = {
      sha256,
      size: (await stat(archive)).size,
      created: new Date().toISOString(),
      by,
      files: [...files],
    };
    // The name is the content's hash: writing it again changes nothing, and mends an object that was damaged.
    await store.upload(keys.layer("packages", sha256), archive);
    await updateDocument(store, packageLayerDocument(key), () => ({ version: 1, current }));
    return current;
  } finally {
    await rm(archive, { force: true });
  }
}

async function hashFile(file: string): Promise<string> {
  const hash = createHash("sha256");
  await pipeline(createReadStream(file), hash);
  return hash.digest("hex");
}
