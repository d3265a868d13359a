import { closeSync, fstatSync, openSync, readSync } from "node:fs";
import {
  FRAME_HEADER,
  parseWalHeader,
  type Sum,
  scanFrames,
  WAL_HEADER,
  type WalHeader,
} from "../site/state/frames.ts";
import { WalIndex } from "./wal-index.ts";

/** Bytes read at once while frames are looked at: memory stays flat whatever a transaction writes. */
const BLOCK = 256 << 10;

/** A generation of a write-ahead log: from one reset to the next. */
interface Generation {
  header: WalHeader;
  /** Frames that are committed, and the checksum after them. */
  committed: number;
  sum: Sum;
}

/**
 * One database's write-ahead log, followed by file: which transactions are in it. All calls are synchronous; only the
 * shipper's process may make them.
 */
export class WalFile {
  readonly #path: string;
  readonly #index: WalIndex;
  #descriptor: number | undefined;
  #generation: Generation | undefined;

  /** @param database path of the database itself; this process has it open. */
  constructor(database: string) {
    this.#path = `${database}-wal`;
    this.#index = new WalIndex(database);
  }

  /** Undefined while nothing is in it. */
  get generation(): { salt: string; page: number; committed: number } | undefined {
    const found = this.#generation;
    return found && { salt: found.header.salt, page: found.header.page, committed: found.committed };
  }

  /**
   * Reads what was committed since the last look. A new generation begins at its first frame.
   * @throws Error when the frames are not what the index says.
   */
  look(): void {
    const index = this.#index.read();
    // Just reset, or being written: the next look sees it.
    if (index === undefined || index.frames === 0) return;
    const before = this.#generation;
    if (before?.header.salt === index.salt && before.committed === index.frames) return;
    const descriptor = this.#open();
    if (descriptor === undefined) return;
    const header = parseWalHeader(read(descriptor, 0, WAL_HEADER));
    if (header?.salt !== index.salt) return;
    let { committed, sum } =
      before?.header.salt === index.salt && before.committed < index.frames
        ? before
        : { committed: 0, sum: header.sum };
    const frame = FRAME_HEADER + header.page;
    const most = Math.min(Math.max(1, Math.floor(BLOCK / frame)), index.frames - committed);
    // The same for all that is read now.
    const buffer = Buffer.allocUnsafe(most * frame);
    while (committed < index.frames) {
      const wanted = Math.min(most, index.frames - committed);
      const at = WAL_HEADER + committed * frame;
      const block = buffer.subarray(0, readSync(descriptor, buffer, 0, wanted * frame, at));
      const scan = scanFrames(block, header, sum);
      if (scan.valid < wanted) {
        // Reset and written again between the two reads; or damaged, which its next look sees again.
        if (this.#index.read()?.salt !== index.salt) return;
        throw new Error(`${this.#path} is not what its index says, from frame ${committed + scan.valid} on`);
      }
      committed += wanted;
      sum = scan.sum;
    }
    this.#generation = { header, committed, sum };
  }

  /** Frames of the current generation, as they lie in the file. @param room for them, where there is some already. */
  frames(from: number, to: number, room?: Buffer): Buffer {
    const { header } = this.#generation ?? {};
    if (header === undefined || this.#descriptor === undefined)
      throw new Error(`${this.#path} has no frames`);
    const frame = FRAME_HEADER + header.page;
    const bytes = read(this.#descriptor, WAL_HEADER + from * frame, (to - from) * frame, room);
    if (bytes.length < (to - from) * frame || bytes.toString("hex", 8, 16) !== header.salt) {
      throw new Error(`${this.#path} was reset while it was read`);
    }
    return bytes;
  }

  /** After the database itself was closed. */
  close(): void {
    if (this.#descriptor !== undefined) closeSync(this.#descriptor);
    this.#index.close();
  }

  #open(): number | undefined {
    if (this.#descriptor !== undefined && fstatSync(this.#descriptor).nlink > 0) return this.#descriptor;
    if (this.#descriptor !== undefined) closeSync(this.#descriptor);
    this.#descriptor = undefined;
    try {
      this.#descriptor = openSync(this.#path, "r");
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== "ENOENT") throw error;
    }
    return this.#descriptor;
  }
}

function read(
  descriptor: number,
  from: number,
  length: number,
  bytes: Buffer = Buffer.allocUnsafe(length),
): Buffer {
  return bytes.subarray(0, readSync(descriptor, bytes, 0, length, from));
}
