/** Uploads between a folder of this computer and the bucket: `state/media/<sha256>`, named by their content. */
import { createHash } from "node:crypto";
import { createReadStream } from "node:fs";
import { chmod, mkdir, readdir, realpath, rename, rm, stat } from "node:fs/promises";
import path from "node:path";
import { EverspotError, messageOf } from "../../agent/site/errors.ts";
import { Damaged } from "../../agent/site/state/errors.ts";
import { MEDIA_PREFIX, mediaKey } from "../../agent/site/state/keys.ts";
import type { ObjectStore } from "../../agent/site/store.ts";
import { inParallel } from "./in-parallel.ts";

/** By name: a path in the folder, with `/` between its parts. */
export type Uploads = ReadonlyMap<string, { sha256: string; size: number }>;
export type OnCount = (done: { files: number; bytes: number }) => void;

/** Files read or written side by side: small ones wait for S3, large ones for the line. */
const AT_ONCE = 8;

/**
 * All files of a folder, by what is in them. Symbolic links are followed, as Django follows them; one that leads nowhere
 * is left out.
 * @throws EverspotError when it cannot be read, or a file's name has no place in the log.
 */
export async function uploadsOf(folder: string, onCount: OnCount = () => {}): Promise<Uploads> {
  const names = await filesOf(folder).catch((cause: unknown) => {
    throw new EverspotError(`${folder} cannot be read: ${messageOf(cause)}`, { resource: folder, cause });
  });
  const found = new Map<string, { sha256: string; size: number }>();
  const counted = counter(onCount);
  await inParallel(names, AT_ONCE, async (name) => {
    const one = await digest(path.join(folder, name));
    found.set(name, one);
    counted(one.size);
  });
  return new Map([...found].sort(([a], [b]) => (a < b ? -1 : 1)));
}

/** Which contents the bucket has already, with their sizes. */
export async function uploadsInBucket(store: ObjectStore): Promise<Map<string, number>> {
  const found = await store.list(MEDIA_PREFIX);
  return new Map(found.map(({ key, size }) => [key.slice(MEDIA_PREFIX.length), size]));
}

/** What of these the bucket does not have yet; each content once. */
export function missingIn(there: ReadonlyMap<string, number>, uploads: Uploads): [string, string, number][] {
  const missing = new Map<string, [string, string, number]>();
  for (const [name, { sha256, size }] of uploads) {
    if (there.get(sha256) !== size) missing.set(sha256, [name, sha256, size]);
  }
  return [...missing.values()];
}

/** Brings contents into the bucket. Cut off and called again, it goes on where it was. */
export async function sendUploads(
  store: ObjectStore,
  folder: string,
  missing: readonly [string, string, number][],
  onCount: OnCount,
  signal?: AbortSignal,
): Promise<void> {
  const counted = counter(onCount);
  await inParallel(missing, AT_ONCE, async ([name, sha256, size]) => {
    signal?.throwIfAborted();
    await store.upload(mediaKey(sha256), path.join(folder, name));
    counted(size);
  });
}

/**
 * Brings uploads out of the bucket into a folder. What is there already with the same content stays, so that what was
 * cut off goes on; other files of the folder are not touched.
 * @throws Damaged when the bucket has not what the log says.
 */
export async function fetchUploads(
  store: ObjectStore,
  folder: string,
  uploads: Uploads,
  onCount: OnCount,
  signal?: AbortSignal,
): Promise<{ fetched: number }> {
  const counted = counter(onCount);
  let fetched = 0;
  await inParallel([...uploads], AT_ONCE, async ([name, { sha256, size }]) => {
    signal?.throwIfAborted();
    const at = path.join(folder, name);
    const there = await stat(at).catch(() => undefined);
    if (there?.size === size && (await digest(at)).sha256 === sha256) return counted(size);
    await mkdir(path.dirname(at), { recursive: true });
    const part = `${at}.everspot-part`;
    const got = await store.download(mediaKey(sha256), part);
    const resource = `${store.url}/${mediaKey(sha256)}`;
    if (got === undefined) throw new Damaged(resource, `is gone: ${name}`);
    if (got.sha256 !== sha256) {
      await rm(part, { force: true });
      throw new Damaged(resource, "does not have the content its name says");
    }
    await chmod(part, 0o644);
    await rename(part, at);
    fetched++;
    counted(size);
  });
  return { fetched };
}

async function filesOf(folder: string): Promise<string[]> {
  const found: string[] = [];
  const walked = new Set<string>();
  const walk = async (below: string): Promise<void> => {
    // A link may lead back to where it is.
    const real = await realpath(path.join(folder, below));
    if (walked.has(real)) return;
    walked.add(real);
    for (const entry of await readdir(path.join(folder, below), { withFileTypes: true })) {
      const name = below === "" ? entry.name : `${below}/${entry.name}`;
      const kind = entry.isSymbolicLink()
        ? await stat(path.join(folder, name)).catch(() => undefined)
        : entry;
      if (kind?.isDirectory()) await walk(name);
      else if (kind?.isFile()) found.push(name);
    }
  };
  await walk("");
  const long = found.find((name) => Buffer.byteLength(name) > LONGEST_NAME);
  if (long === undefined) return found.sort();
  throw new EverspotError(`the name of ${long} is too long for the log`, {
    resource: path.join(folder, long),
  });
}

/** Characters of a name (agent/site/state/entry.ts). */
const LONGEST_NAME = 1024;

/** SHA-256 and size of a file, whatever its size. */
export async function digest(file: string): Promise<{ sha256: string; size: number }> {
  const hash = createHash("sha256");
  let size = 0;
  try {
    for await (const chunk of createReadStream(file) as AsyncIterable<Buffer>) {
      hash.update(chunk);
      size += chunk.length;
    }
  } catch (cause) {
    throw new EverspotError(`${file} cannot be read: ${messageOf(cause)}`, { resource: file, cause });
  }
  return { sha256: hash.digest("hex"), size };
}

function counter(onCount: OnCount): (bytes: number) => void {
  const done = { files: 0, bytes: 0 };
  return (bytes) => {
    done.files++;
    done.bytes += bytes;
    onCount(done);
  };
}
