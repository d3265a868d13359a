import { closeSync, fstatSync, openSync, readSync } from "node:fs";
import {
  FRAME_HEADER,
  parseWalHeader,
  type Sum,
  scanFrames,
  WAL_HEADER,
  type WalHeader,
} from "../site/state/frames.ts";

/** Bytes read at once while looking for new frames: memory stays flat whatever a transaction writes. */
const BLOCK = 1 << 20;

/** A generation of a write-ahead log: from one reset to the next. */
interface Generation {
  header: WalHeader;
  /** Frames that are valid, and the checksum after them; the last of them may be of a transaction without an end. */
  scanned: number;
  sum: Sum;
  /** Frames up to the end of the last whole transaction. */
  committed: number;
}

/**
 * One database's write-ahead log, followed by file: which transactions are in it. All calls are synchronous; only the
 * shipper's process may make them.
 */
export class WalFile {
  readonly path: string;
  #descriptor: number | undefined;
  #inode = 0;
  #generation: Generation | undefined;

  /** @param database path of the database itself. */
  constructor(database: string) {
    this.path = `${database}-wal`;
  }

  /** Undefined while there is no write-ahead log. */
  get generation(): { salt: string; page: number; committed: number } | undefined {
    const found = this.#generation;
    return found && { salt: found.header.salt, page: found.header.page, committed: found.committed };
  }

  /**
   * Reads what was written since the last look. A new generation begins at its first frame.
   * @returns whether the generation is another one than before.
   */
  look(): boolean {
    const descriptor = this.#current();
    if (descriptor === undefined) {
      const had = this.#generation !== undefined;
      this.#generation = undefined;
      return had;
    }
    const header = parseWalHeader(this.#read(descriptor, 0, WAL_HEADER));
    // It is being written for the first time, or just reset.
    if (header === undefined) return false;
    const changed = header.salt !== this.#generation?.header.salt;
    const generation =
      changed || this.#generation === undefined
        ? { header, scanned: 0, sum: header.sum, committed: 0 }
        : this.#generation;
    this.#generation = generation;
    const frame = FRAME_HEADER + header.page;
    const most = Math.max(1, Math.floor(BLOCK / frame));
    for (;;) {
      const from = WAL_HEADER + generation.scanned * frame;
      const block = this.#read(descriptor, from, most * frame);
      const { valid, committed, sum } = scanFrames(block, header, generation.sum);
      if (committed > 0) generation.committed = generation.scanned + committed;
      generation.scanned += valid;
      generation.sum = sum;
      if (valid < most) return changed;
    }
  }

  /** Frames of the current generation, as they lie in the file. */
  frames(from: number, to: number): Buffer {
    const { header } = this.#generation ?? {};
    if (header === undefined || this.#descriptor === undefined) throw new Error(`${this.path} has no frames`);
    const frame = FRAME_HEADER + header.page;
    const bytes = this.#read(this.#descriptor, WAL_HEADER + from * frame, (to - from) * frame);
    if (bytes.length < (to - from) * frame || bytes.toString("hex", 8, 16) !== header.salt) {
      throw new Error(`${this.path} was reset while it was read`);
    }
    return bytes;
  }

  close(): void {
    if (this.#descriptor !== undefined) closeSync(this.#descriptor);
    this.#descriptor = undefined;
  }

  #current(): number | undefined {
    if (this.#descriptor !== undefined && fstatSync(this.#descriptor).nlink === 0) this.close();
    if (this.#descriptor !== undefined) return this.#descriptor;
    try {
      this.#descriptor = openSync(this.path, "r");
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === "ENOENT") return undefined;
      throw error;
    }
    const { ino } = fstatSync(this.#descriptor);
    if (ino !== this.#inode) this.#generation = undefined;
    this.#inode = ino;
    return this.#descriptor;
  }

  #read(descriptor: number, from: number, length: number): Buffer {
    const bytes = Buffer.allocUnsafe(length);
    return bytes.subarray(0, readSync(descriptor, bytes, 0, length, from));
  }
}
