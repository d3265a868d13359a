import { readSync } from "node:fs";
import type { FileHandle } from "node:fs/promises";
import yauzl from "yauzl";

/** @throws Error when the file ends before. */
export async function readExactly(file: FileHandle, position: number, length: number): Promise<Buffer> {
  const buffer = Buffer.allocUnsafe(length);
  const read = await readUpTo(file, position, buffer, length);
  if (read < length) throw new Error("the zip ends too early");
  return buffer;
}

/** Reads at least `least` bytes unless the file ends before. @returns how many there are in `buffer`. */
async function readUpTo(file: FileHandle, position: number, buffer: Buffer, least: number): Promise<number> {
  let read = 0;
  while (read < least) {
    const { bytesRead } = await file.read(buffer, read, buffer.length - read, position + read);
    if (bytesRead === 0) break;
    read += bytesRead;
  }
  return read;
}

/** Size of a local file header without name and extra field (APPNOTE 4.3.7). */
export const LOCAL_HEADER = 30;

/** @returns where an entry's data begins: its local header's name and extra field may differ from the directory's. */
export async function dataStart(file: FileHandle, offset: number): Promise<number> {
  return offset + headerLength(await readExactly(file, offset, LOCAL_HEADER));
}

function headerLength(header: Buffer): number {
  if (header.readUInt32LE(0) !== 0x04034b50) throw new Error("its local header is damaged");
  return LOCAL_HEADER + header.readUInt16LE(26) + header.readUInt16LE(28);
}

/** Bytes of name and extra field of nearly every entry; a guess that saves a second read. */
const NAME_GUESS = 256;

/** An entry's data as it is in the zip, in one synchronous read where possible. */
export function readEntry(fd: number, offset: number, compressedSize: number): Buffer {
  const guess = Buffer.allocUnsafe(LOCAL_HEADER + NAME_GUESS + compressedSize);
  const read = readSync(fd, guess, 0, guess.length, offset);
  if (read < LOCAL_HEADER) throw new Error("the zip ends too early");
  const start = headerLength(guess);
  if (start + compressedSize <= read) return guess.subarray(start, start + compressedSize);
  const data = Buffer.allocUnsafe(compressedSize);
  for (let done = 0; done < compressedSize; ) {
    const more = readSync(fd, data, done, compressedSize - done, offset + start + done);
    if (more === 0) throw new Error("the zip ends too early");
    done += more;
  }
  return data;
}

const WINDOW = 256 * 1024;

/**
 * Serves yauzl's many small reads (46 bytes per entry) out of one window of the file: a directory of 10,000
 * entries costs a few reads instead of 20,000 streams. Does not close the file.
 */
export class WindowReader extends yauzl.RandomAccessReader {
  readonly #file: FileHandle;
  #start = 0;
  #window: Buffer = Buffer.alloc(0);

  constructor(file: FileHandle) {
    super();
    this.#file = file;
  }

  override read(
    target: Buffer,
    offset: number,
    length: number,
    position: number,
    callback: (error: Error | null) => void,
  ): void {
    const from = position - this.#start;
    if (from >= 0 && from + length <= this.#window.length) {
      this.#window.copy(target, offset, from, from + length);
      queueMicrotask(() => callback(null));
      return;
    }
    this.#fill(position, length).then(
      (window) => {
        if (window.length < length) return callback(new Error("the zip ends too early"));
        window.copy(target, offset, 0, length);
        callback(null);
      },
      (error: Error) => callback(error),
    );
  }

  async #fill(position: number, length: number): Promise<Buffer> {
    const window = Buffer.allocUnsafe(Math.max(length, WINDOW));
    const read = await readUpTo(this.#file, position, window, length);
    this.#start = position;
    this.#window = window.subarray(0, read);
    return this.#window;
  }
}
