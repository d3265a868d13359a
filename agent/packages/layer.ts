import { createHash } from "node:crypto";
import { createReadStream } from "node:fs";
import { mkdir, readdir, rm, stat } from "node:fs/promises";
import { basename } from "node:path";
import { pipeline } from "node:stream/promises";
import { readDocument, updateDocument } from "../site/document.ts";
import { EverspotError } from "../site/errors.ts";
import { type LayerKind, type LayerVersion, layerDocument, newLayer } from "../site/layers.ts";
import { keys } from "../site/names.ts";
import type { ObjectStore } from "../site/store.ts";
import { run } from "../system/run.ts";

/**
 * Brings the layer of a key from the bucket into a folder. @returns the names of its files as far as they are told;
 * undefined when the bucket has no such layer. @throws EverspotError when it is not what it should be.
 * @param how more options for tar.
 */
export async function fetchLayer(
  store: ObjectStore,
  kind: LayerKind,
  key: string,
  folder: string,
  how: readonly string[] = [],
): Promise<string[] | undefined> {
  const { value } = await readDocument(store, layerDocument(kind, key));
  if (value === undefined) return undefined;
  await fetchVersion(store, kind, value.current, folder, how);
  return value.current.files;
}

/** Brings one archive. @throws EverspotError when it is not what it should be. */
export async function fetchVersion(
  store: ObjectStore,
  kind: LayerKind,
  { sha256, files }: Pick<LayerVersion, "sha256" | "files">,
  folder: string,
  how: readonly string[] = [],
): Promise<void> {
  const archive = `${folder}.tar.gz`;
  const resource = `${store.url}/${keys.layer(kind, sha256)}`;
  try {
    await mkdir(folder, { recursive: true });
    const got = await store.download(keys.layer(kind, sha256), archive);
    if (got === undefined) throw new EverspotError(`the ${kind} layer is not in the bucket`, { resource });
    if (got.sha256 !== sha256) {
      throw new EverspotError(`the ${kind} layer is damaged: its SHA-256 is ${got.sha256}`, { resource });
    }
    await run("tar", ["-xzf", archive, "-C", folder, "--no-same-owner", ...how]);
    const there = new Set(await readdir(folder));
    const missing = files.filter((file) => basename(file) !== file || !there.has(file));
    if (missing.length > 0)
      throw new EverspotError(`the ${kind} layer lacks ${missing.join(", ")}`, { resource });
  } finally {
    await rm(archive, { force: true });
  }
}

/**
 * Keeps files of a folder in the bucket under a key, so that the next machine need not make them. Two instances may
 * do so at once: both archives are good, one stays.
 * @param told the names to write down, to be checked by whoever fetches it.
 */
export async function saveLayer(
  store: ObjectStore,
  kind: LayerKind,
  key: string,
  folder: string,
  files: readonly string[],
  by: string,
  told: readonly string[] = files,
): Promise<LayerVersion> {
  const current = await storeVersion(store, kind, folder, files, by, told);
  await updateDocument(store, layerDocument(kind, key), () => newLayer(current));
  return current;
}

/** Puts files of a folder into the bucket; nobody uses them before a document names them. */
export async function storeVersion(
  store: ObjectStore,
  kind: LayerKind,
  folder: string,
  files: readonly string[],
  by: string,
  told: readonly string[] = files,
): Promise<LayerVersion> {
  const archive = `${folder}.tar.gz`;
  try {
    await run("tar", ["-cf", archive, "-I", "gzip -1", "-C", folder, "-T", "-"], {
      seconds: 300,
      input: files.join("\n"),
    });
    const sha256 = await hashFile(archive);
    const version: LayerVersion = {
      sha256,
      size: (await stat(archive)).size,
      created: new Date().toISOString(),
      by,
      files: [...told],
    };
    // The name is the content's hash: writing it again changes nothing, and mends an object that was damaged.
    await store.upload(keys.layer(kind, sha256), archive);
    return version;
  } finally {
    await rm(archive, { force: true });
  }
}

async function hashFile(file: string): Promise<string> {
  const hash = createHash("sha256");
  await pipeline(createReadStream(file), hash);
  return hash.digest("hex");
}
