import { chmodSync, closeSync, createWriteStream, fchmodSync, mkdirSync, openSync, writeSync } from "node:fs";
import { chmod, type FileHandle, mkdir, open, readdir, rm, statfs } from "node:fs/promises";
import path from "node:path";
import { Transform } from "node:stream";
import { pipeline } from "node:stream/promises";
import { setImmediate } from "node:timers/promises";
import { crc32, createInflateRaw, inflateRawSync } from "node:zlib";
import yauzl from "yauzl";
import { EverspotError, messageOf } from "../site/errors.ts";
import { type ReleaseLimits, releaseLimits } from "../site/release.ts";
import { type PlannedFile, planUnzip } from "./unzip-plan.ts";
import { dataStart, readEntry, readExactly, WindowReader } from "./unzip-reader.ts";

/**
 * Bytes. Files up to this size are read, inflated and written in one piece and by synchronous calls: most of a
 * release is small files, for which promises cost as much again as the work does (9,000 files, 256 MB: 1.4 s
 * against 2.6 s). Larger ones stream. So memory holds two pieces, and nothing else waits longer than one takes
 * (about 60 ms).
 */
const ONE_PIECE = 8 * 1024 ** 2;
const CHUNK = 256 * 1024;
/** Milliseconds after which everything else gets its turn. */
const TURN = 3;

export interface Unpacked {
  files: number;
  bytes: number;
}

/**
 * Unpacks a release that may be hostile or damaged into `intoDir`, which must be missing or empty.
 *
 * Everything the zip's directory declares is checked before a byte is written, and what is really there is
 * counted and checked (size, CRC-32) while it streams. Links and devices are refused. Modes become 0644, or
 * 0755 for folders and for files with any x bit; owners are the caller's. Memory does not grow with the
 * release's size. Nothing is flushed to the disk, which would take longer than all the rest: until the caller has,
 * the folder must not be believed after a power cut.
 * On any failure `intoDir` is removed.
 * @throws EverspotError naming the entry; the signal's reason.
 */
export async function unpackRelease(
  zipFile: string,
  intoDir: string,
  limits: ReleaseLimits = releaseLimits,
  options: { signal?: AbortSignal | undefined } = {},
): Promise<Unpacked> {
  await makeEmpty(intoDir);
  try {
    return await unpackInto(zipFile, intoDir, limits, options.signal);
  } catch (error) {
    await rm(intoDir, { recursive: true, force: true });
    options.signal?.throwIfAborted();
    if (error instanceof EverspotError) throw error;
    throw new EverspotError(`cannot unpack the release: ${messageOf(error)}`, {
      resource: zipFile,
      hint: "the zip is damaged, or the disk is full; make the release again with `everspot deploy`",
      cause: error,
    });
  }
}

async function makeEmpty(dir: string): Promise<void> {
  await mkdir(dir, { recursive: true, mode: 0o755 });
  if ((await readdir(dir)).length > 0) {
    throw new EverspotError("will not unpack a release into a folder that is not empty", { resource: dir });
  }
  await chmod(dir, 0o755);
}

async function unpackInto(
  zipFile: string,
  dir: string,
  limits: ReleaseLimits,
  signal: AbortSignal | undefined,
): Promise<Unpacked> {
  const source = await open(zipFile, "r");
  try {
    const { size } = await source.stat();
    const zip = await yauzl.fromRandomAccessReaderPromise(new WindowReader(source), size, {
      lazyEntries: true,
      autoClose: false,
      decodeStrings: false,
    });
    const plan = await planUnzip(zip, zipFile, limits);
    await checkSpace(dir, plan.bytes);
    const turns = inTurns(signal);
    for (const folder of plan.folders) {
      mkdirSync(path.join(dir, folder));
      chmodSync(path.join(dir, folder), 0o755);
      await turns();
    }
    for (const file of plan.files) {
      await unpackFile(source, file, dir, signal).catch((error: unknown) => {
        throw nameEntry(error, file, zipFile);
      });
      await turns();
    }
    return { files: plan.files.length, bytes: plan.bytes };
  } finally {
    await source.close();
  }
}

/** To be called after each small piece of synchronous work. */
function inTurns(signal: AbortSignal | undefined): () => Promise<void> | undefined {
  let breath = performance.now();
  return () => {
    signal?.throwIfAborted();
    if (performance.now() - breath <= TURN) return undefined;
    return setImmediate(undefined).then(() => {
      breath = performance.now();
    });
  };
}

/** Room for the file system's own rounding: a block for each of many small files. */
const SPACE_MARGIN = 1.2;

async function checkSpace(dir: string, bytes: number): Promise<void> {
  const disk = await statfs(dir);
  const free = disk.bavail * disk.bsize;
  if (free >= bytes * SPACE_MARGIN) return;
  throw new EverspotError(
    `the disk has ${Math.floor(free / 1e6)} MB left; the release needs ${Math.ceil((bytes * SPACE_MARGIN) / 1e6)} MB`,
    { resource: dir, hint: "make the release smaller through .everspotignore" },
  );
}

function nameEntry(error: unknown, file: PlannedFile, zipFile: string): Error {
  if (error instanceof EverspotError) return error;
  return new EverspotError(
    `cannot unpack ${JSON.stringify(file.path)} from the release: ${messageOf(error)}`,
    {
      resource: zipFile,
      hint: "the zip is damaged, or the disk is full; make the release again with `everspot deploy`",
      cause: error,
    },
  );
}

async function unpackFile(
  source: FileHandle,
  file: PlannedFile,
  dir: string,
  signal: AbortSignal | undefined,
): Promise<void> {
  const target = path.join(dir, file.path);
  const mode = file.executable ? 0o755 : 0o644;
  if (file.size <= ONE_PIECE && file.compressedSize <= ONE_PIECE) {
    writeWhole(target, readWhole(source.fd, file), mode);
  } else {
    await stream(source, file, target, mode, signal);
  }
}

function readWhole(source: number, file: PlannedFile): Buffer {
  const zipped = readEntry(source, file.offset, file.compressedSize);
  // One byte more than declared: enough to notice a lie, too little for a bomb.
  const most = Math.max(file.size + 1, 64);
  const data = file.deflated ? inflateUpTo(zipped, most) : zipped;
  check(file, data.length, crc32(data));
  return data;
}

function inflateUpTo(zipped: Buffer, most: number): Buffer {
  try {
    return inflateRawSync(zipped, { maxOutputLength: most, chunkSize: most });
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "ERR_BUFFER_TOO_LARGE") throw error;
    throw new Error("holds more bytes than it declares");
  }
}

function writeWhole(target: string, data: Buffer, mode: number): void {
  const fd = openSync(target, "wx", mode);
  try {
    for (let done = 0; done < data.length; ) done += writeSync(fd, data, done);
    fchmodSync(fd, mode);
  } finally {
    closeSync(fd);
  }
}

async function stream(
  source: FileHandle,
  file: PlannedFile,
  target: string,
  mode: number,
  signal: AbortSignal | undefined,
): Promise<void> {
  let size = 0;
  let sum = 0;
  const count = new Transform({
    transform(chunk: Buffer, _encoding, done) {
      size += chunk.length;
      sum = crc32(chunk, sum);
      done(size > file.size ? new Error("holds more bytes than it declares") : null, chunk);
    },
  });
  const zipped = chunks(source, await dataStart(source, file.offset), file.compressedSize);
  const out = createWriteStream(target, { flags: "wx", mode });
  if (file.deflated) await pipeline(zipped, createInflateRaw({ chunkSize: CHUNK }), count, out, { signal });
  else await pipeline(zipped, count, out, { signal });
  check(file, size, sum);
  await chmod(target, mode);
}

async function* chunks(source: FileHandle, start: number, length: number): AsyncGenerator<Buffer> {
  for (let done = 0; done < length; done += CHUNK) {
    yield await readExactly(source, start + done, Math.min(CHUNK, length - done));
  }
}

function check(file: PlannedFile, size: number, sum: number): void {
  if (size !== file.size) throw new Error(`holds ${size} bytes, not the ${file.size} it declares`);
  if (sum !== file.crc32) throw new Error("its content does not match its checksum");
}
