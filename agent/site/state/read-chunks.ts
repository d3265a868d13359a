import { type FileHandle, open } from "node:fs/promises";
import type { BaseFile } from "./base.ts";
import type { StateBucket } from "./bucket.ts";
import { sha256Of, type Unzstd, unpackChunk } from "./chunks.ts";
import { Damaged } from "./errors.ts";
import { chunkKey } from "./keys.ts";
import { writeWhole } from "./pages.ts";

/** Chunks read side by side, and their bytes at most: each is in memory packed and plain. */
const AT_ONCE = 32;
const MOST_BYTES = 8 << 20;
/** Bytes after which what was written goes to the disk while the next are read: in the end there is little to wait for. */
const FLUSHED_EACH = 64 << 20;

/**
 * Brings one database of a base into its file.
 * @param like a file that may be much the same: what is in it is not read from the bucket.
 * @throws Damaged
 */
export async function readChunks(
  bucket: StateBucket,
  file: BaseFile,
  into: FileHandle,
  like: string | undefined,
  unzstd: Unzstd | undefined,
): Promise<void> {
  await into.truncate(file.size);
  const local = like === undefined ? undefined : await open(like).catch(() => undefined);
  try {
    await readAll(bucket, file, into, local, unzstd);
  } finally {
    await local?.close();
  }
}

async function readAll(
  bucket: StateBucket,
  file: BaseFile,
  into: FileHandle,
  local: FileHandle | undefined,
  unzstd: Unzstd | undefined,
): Promise<void> {
  let next = 0;
  let unflushed = 0;
  let flush: Promise<void> | undefined;
  const write = async (bytes: Uint8Array, index: number): Promise<void> => {
    await writeWhole(into, [bytes], index * file.chunk);
    unflushed += bytes.length;
    if (unflushed < FLUSHED_EACH) return;
    unflushed = 0;
    // A disk that says once that it lost something may not say it again at the end.
    await flush;
    flush = into.datasync();
    flush.catch(() => {});
  };
  const work = async (): Promise<void> => {
    while (next < file.chunks.length) {
      const index = next++;
      const sha256 = file.chunks[index] as string;
      const here = local && (await chunkIn(local, file, index, sha256));
      if (here !== undefined) {
        await write(here, index);
        continue;
      }
      const resource = `${bucket.url}/${chunkKey(sha256)}`;
      const packed = await bucket.get(chunkKey(sha256));
      if (packed === undefined) throw new Damaged(resource, "is gone");
      const plain = await unpackChunk(packed, { sha256, size: sizeOf(file, index) }, resource, unzstd);
      await write(plain, index);
    }
  };
  const length = Math.min(AT_ONCE, Math.ceil(MOST_BYTES / file.chunk));
  const all = await Promise.allSettled(Array.from({ length }, work));
  all.push(...(await Promise.allSettled([flush])));
  const failed = all.find((one) => one.status === "rejected");
  if (failed !== undefined) throw failed.reason;
}

/** Undefined: there is something else. */
async function chunkIn(
  local: FileHandle,
  file: BaseFile,
  index: number,
  sha256: string,
): Promise<Uint8Array | undefined> {
  const bytes = Buffer.alloc(sizeOf(file, index));
  const { bytesRead } = await local.read(bytes, 0, bytes.length, index * file.chunk);
  return bytesRead === bytes.length && sha256Of(bytes) === sha256 ? bytes : undefined;
}

/** Bytes of one chunk: the last one has what is left. */
const sizeOf = ({ size, chunk }: BaseFile, index: number): number => Math.min(chunk, size - index * chunk);
