/** Layers of packages in the bucket. Nothing there is to be believed before it is checked (check.ts). */
import { createHash, randomUUID } from "node:crypto";
import { createReadStream } from "node:fs";
import { mkdir, readdir, rm, stat } from "node:fs/promises";
import { pipeline } from "node:stream/promises";
import { readDocument, updateDocument } from "../site/document.ts";
import { EverspotError } from "../site/errors.ts";
import { type IndexDates, type LayerVersion, newLayer, packageLayerDocument } from "../site/layers.ts";
import { keys } from "../site/names.ts";
import type { ObjectStore } from "../site/store.ts";
import { run } from "../system/run.ts";

/** Brings one archive into a folder that is not there yet. @throws EverspotError when it is not what it should be. */
export async function fetchVersion(
  store: ObjectStore,
  { sha256, files }: Pick<LayerVersion, "sha256" | "files">,
  folder: string,
): Promise<void> {
  const archive = `${folder}.tar.gz`;
  const resource = `${store.url}/${keys.layer(sha256)}`;
  try {
    await mkdir(folder, { recursive: true });
    const got = await store.download(keys.layer(sha256), archive);
    if (got === undefined) throw new EverspotError("the packages layer is not in the bucket", { resource });
    if (got.sha256 !== sha256) {
      throw new EverspotError(`the packages layer is damaged: its SHA-256 is ${got.sha256}`, { resource });
    }
    // No program that runs as root for whoever starts it (tar(1): without these, root gets modes as they are).
    const safely = ["--no-same-owner", "--no-same-permissions", "--no-acls", "--no-xattrs"];
    await run("tar", ["-xzf", archive, "-C", folder, ...safely]);
    const there = new Set(await readdir(folder));
    const missing = files.filter((file) => !there.has(file));
    if (missing.length > 0)
      throw new EverspotError(`the packages layer lacks ${missing.join(", ")}`, { resource });
  } finally {
    await rm(archive, { force: true });
  }
}

/** What is to be kept: the folder's files, .debs and index, and how the index was dated when it was checked. */
export interface ToKeep {
  folder: string;
  debs: readonly string[];
  index: { files: readonly string[]; dates: IndexDates };
  /** Instance. */
  by: string;
}

/**
 * Keeps a layer under a key, so that the next machine needs no mirror. Two instances may do so at once: both archives
 * are good, one stays.
 */
export async function saveLayer(store: ObjectStore, key: string, what: ToKeep): Promise<LayerVersion> {
  const current = await storeVersion(store, what);
  const document = packageLayerDocument(key);
  const readable = await readDocument(store, document).then(
    () => true,
    () => false,
  );
  if (readable) await updateDocument(store, document, () => newLayer(current));
  // An unreadable document must not keep the site from ever having a layer again.
  else await store.put(document.key, JSON.stringify({ ...newLayer(current), nonce: randomUUID() }));
  return current;
}

/** Puts an archive into the bucket, where it is not used before a document names it. */
export async function storeVersion(
  store: ObjectStore,
  { folder, debs, index, by }: ToKeep,
): Promise<LayerVersion> {
  const archive = `${folder}.tar.gz`;
  try {
    await run("tar", ["-cf", archive, "-I", "gzip -1", "-C", folder, "-T", "-"], {
      seconds: 300,
      input: [...debs, ...index.files].join("\n"),
    });
    const sha256 = await hashFile(archive);
    const version: LayerVersion = {
      sha256,
      size: (await stat(archive)).size,
      created: new Date().toISOString(),
      by,
      files: [...debs],
      index: index.dates,
    };
    // The name is the content's hash: writing it again changes nothing, and mends an object that was damaged.
    await store.upload(keys.layer(sha256), archive);
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
