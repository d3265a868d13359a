import { createHash } from "node:crypto";
import { createReadStream, createWriteStream } from "node:fs";
import { open, readFile, rm } from "node:fs/promises";
import { type PassThrough, Transform } from "node:stream";
import { pipeline } from "node:stream/promises";
import { deflateRawSync } from "node:zlib";
import yazl from "yazl";
import { EverspotError, messageOf } from "../../agent/site/errors.ts";

export interface ZipSource {
  /** In the zip. */
  path: string;
  /** Absolute path to read from. */
  source: string;
  size: number;
  executable: boolean;
}

/** Anything before 1980 becomes DOS time's first moment, which is the same in every time zone. */
const FIRST_MOMENT = new Date(0);
/**
 * Bytes. Smaller files are stored as they are: more than half of a usual release's files, 1 MB together. Unpacking each
 * would cost the instance more than fetching the extra bytes.
 */
const WORTH_COMPRESSING = 4096;
/** Bytes. Larger files are sampled by this much of their beginning: pictures and archives do not get smaller. */
const SAMPLE = 64 * 1024;
/** The share of a sample that is left when compressing is not worth it. */
const INCOMPRESSIBLE = 0.95;
/** Bytes. Up to this size a file is read and compressed in one piece, several at once. */
const ONE_PIECE = 1024 ** 2;
/** Bytes. Fixed, because the sizes of zlib's input chunks can influence its output. */
const CHUNK = 64 * 1024;
/** Bytes that are held in memory in pieces at once. */
const IN_HAND = 32 * 1024 ** 2;

/**
 * Writes a zip that depends on nothing but paths, contents and x bits: entries in byte order of their paths, one
 * fixed time, modes 0644 and 0755, no time zone, no owner. (Compressed bytes are zlib's: another version of Node
 * may compress differently.)
 * @param onBytes called with the number of source bytes done since the last call.
 * @throws EverspotError (retry) when a file is not as long as its `size`; the signal's reason.
 */
export async function writeZip(
  entries: readonly ZipSource[],
  file: string,
  options: { onBytes?: (bytes: number) => void; signal?: AbortSignal | undefined } = {},
): Promise<{ sha256: string; size: number }> {
  const zip = new yazl.ZipFile();
  const output = zip.outputStream as PassThrough;
  const hash = createHash("sha256");
  let size = 0;
  const count = new Transform({
    transform(chunk: Buffer, _encoding, done) {
      hash.update(chunk);
      size += chunk.length;
      done(null, chunk);
    },
  });
  zip.on("error", (error: Error) => output.destroy(error));
  const written = pipeline(output, count, createWriteStream(file, { mode: 0o600 }), {
    signal: options.signal,
  });
  try {
    await Promise.all([written, feed(zip, output, entries, options.onBytes ?? (() => {}))]);
    return { sha256: hash.digest("hex"), size };
  } catch (error) {
    output.destroy();
    await written.catch(() => {});
    await rm(file, { force: true });
    throw error;
  }
}

/**
 * yazl writes entries in the order they were added. A piece added whole is compressed at once, beside others; an
 * entry added as a stream is asked for when all before it are written, so an occasional stream shows that the memory
 * of those is free again.
 */
async function feed(
  zip: yazl.ZipFile,
  output: PassThrough,
  entries: readonly ZipSource[],
  onBytes: (bytes: number) => void,
): Promise<void> {
  let inHand = 0;
  for (const entry of entries) {
    if (output.destroyed) return;
    const options = {
      mtime: FIRST_MOMENT,
      forceDosTimestamp: true,
      mode: entry.executable ? 0o100755 : 0o100644,
      compress: await shrinks(entry),
    };
    inHand += entry.size;
    if (entry.size <= ONE_PIECE && inHand <= IN_HAND) {
      const data = await readFile(entry.source).catch((error: unknown) => {
        throw unreadable(error, entry);
      });
      if (data.length !== entry.size) throw changed(entry);
      zip.addBuffer(data, entry.path, options);
    } else {
      await addStream(zip, output, entry, options);
      inHand = 0;
    }
    onBytes(entry.size);
  }
  zip.end();
}

/** Depends on nothing but the content. */
async function shrinks({ source, size }: ZipSource): Promise<boolean> {
  if (size <= SAMPLE) return size >= WORTH_COMPRESSING;
  const sample = Buffer.alloc(SAMPLE);
  const file = await open(source).catch(() => undefined);
  // The code that reads all of it reports why it cannot be read.
  if (file === undefined) return true;
  try {
    const { bytesRead } = await file.read(sample, 0, SAMPLE, 0);
    return deflateRawSync(sample.subarray(0, bytesRead)).length < bytesRead * INCOMPRESSIBLE;
  } finally {
    await file.close();
  }
}

/** Resolves when everything before the entry is written. */
async function addStream(
  zip: yazl.ZipFile,
  output: PassThrough,
  entry: ZipSource,
  options: { mtime: Date; forceDosTimestamp: boolean; mode: number; compress: boolean },
): Promise<void> {
  await new Promise<void>((resolve, reject) => {
    const stop = () => reject(output.errored ?? new Error("the zip could not be written"));
    output.once("close", stop);
    zip.addReadStreamLazy(entry.path, options, (done) => {
      let left = entry.size;
      const source = createReadStream(entry.source, { highWaterMark: CHUNK });
      const whole = new Transform({
        transform(chunk: Buffer, _encoding, next) {
          left -= chunk.length;
          next(left < 0 ? changed(entry) : null, chunk);
        },
        flush: (next) => next(left > 0 ? changed(entry) : null),
      });
      pipeline(source, whole).catch((error: unknown) => zip.emit("error", unreadable(error, entry)));
      done(null, whole);
      output.off("close", stop);
      resolve();
    });
  });
}

/** For errors of reading a file that was there when it was listed. */
export function unreadable(error: unknown, entry: { path: string; source: string }): EverspotError {
  if (error instanceof EverspotError) return error;
  if ((error as NodeJS.ErrnoException).code === "ENOENT") return changed(entry);
  return new EverspotError(`${entry.path} cannot be read: ${messageOf(error)}`, {
    resource: entry.source,
    hint: "let your user read it, or leave it out through .everspotignore",
    cause: error,
  });
}

function changed(entry: { path: string; source: string }): EverspotError {
  return new EverspotError(`${entry.path} changed while it was packed`, {
    resource: entry.source,
    hint: "stop what writes to the project, or name its files in .everspotignore, and try again",
    retry: "retry",
  });
}
