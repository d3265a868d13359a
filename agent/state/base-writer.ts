import { read, statSync } from "node:fs";
import { promisify } from "node:util";
import { EverspotError } from "../site/errors.ts";
import { type Base, type BaseFile, encodeBase } from "../site/state/base.ts";
import type { StateBucket } from "../site/state/bucket.ts";
import { chunkSize, packChunk, sha256Of } from "../site/state/chunks.ts";
import { baseKey, chunkKey } from "../site/state/keys.ts";
import type { Place } from "../site/state/place.ts";
import { collectGarbage } from "../system/memory.ts";
import { fingerprint } from "./kept.ts";
import { type Patience, settle } from "./log/settle.ts";

/** Chunks written side by side, and their bytes at most: a base must not take the line from the log, nor much memory. */
const AT_ONCE = 4;
const MOST_BYTES = 512 << 10;

export interface BaseSource {
  /** As the configuration has it. */
  file: string;
  path: string;
  /** Its file's, open for reading; it is not closed here (see database.ts). */
  descriptor: number;
  /** Bytes. */
  page: number;
}

/**
 * Publishes the whole state as of an entry that is in the log. The databases' files must not change meanwhile.
 * @param known chunks that are in the bucket and will stay: those of the last bases.
 * @throws EverspotError; then there is no base, and nothing else is changed.
 */
export async function publishBase(
  bucket: StateBucket,
  at: Place,
  sources: readonly BaseSource[],
  media: ReadonlyMap<string, { sha256: string; size: number }>,
  known: ReadonlySet<string>,
  patience: Patience,
): Promise<Base> {
  const there = new Set(known);
  const before = sources.map((source) => fingerprint(source.path));
  const files: BaseFile[] = [];
  for (const source of sources) files.push(await writeChunks(bucket, source, there, patience));
  const base: Base = {
    format: 1,
    ...at,
    files,
    media: [...media].map(([name, { sha256, size }]) => ({ name, sha256, size })),
  };
  if (sources.some((source, i) => fingerprint(source.path) !== before[i])) {
    throw new EverspotError("a database was changed while its base was read", { retry: "retry" });
  }
  const key = baseKey(at.seq);
  const done = await settle(bucket, key, encodeBase(base), patience);
  // A run of this owner before has published the same entry's base.
  if (!done.own && done.found === undefined) {
    throw new EverspotError(`${bucket.url}/${key} was deleted while it was written`, { retry: "retry" });
  }
  return base;
}

/**
 * @param there chunks that need not be written; those that were are added.
 * @param most bytes of chunks that are under way.
 */
export async function writeChunks(
  bucket: StateBucket,
  { file, path, descriptor, page }: BaseSource,
  there: Set<string>,
  { clock, signal }: Patience,
  most = MOST_BYTES,
): Promise<BaseFile> {
  const { size } = statSync(path);
  const chunk = chunkSize(size);
  const chunks: string[] = new Array(Math.ceil(size / chunk)).fill("");
  let next = 0;
  const work = async (): Promise<void> => {
    const room = Buffer.allocUnsafe(Math.min(chunk, size));
    while (next < chunks.length) {
      signal?.throwIfAborted();
      const index = next++;
      const bytes = room.fill(0).subarray(0, Math.min(chunk, size - index * chunk));
      await promisify(read)(descriptor, bytes, 0, bytes.length, index * chunk);
      const sha256 = sha256Of(bytes);
      chunks[index] = sha256;
      if (there.has(sha256)) continue;
      there.add(sha256);
      const packed = await packChunk(bytes);
      await again(() => bucket.put(chunkKey(sha256), packed), clock.sleep, signal);
      collectGarbage();
    }
  };
  const all = await Promise.allSettled(
    Array.from({ length: Math.min(AT_ONCE, Math.ceil(most / chunk)) }, work),
  );
  const failed = all.find((one) => one.status === "rejected");
  if (failed !== undefined) throw failed.reason;
  return { file, page, size, chunk, chunks };
}

const TRIES = 5;

async function again(
  what: () => Promise<void>,
  sleep: Patience["clock"]["sleep"],
  signal: AbortSignal | undefined,
): Promise<void> {
  for (let tries = 1; ; tries++) {
    try {
      await what();
      return;
    } catch (error) {
      if (!(error instanceof EverspotError && error.retry === "retry") || tries === TRIES) throw error;
    }
    await sleep(200 * tries, signal);
  }
}
