import { closeSync, openSync, readSync } from "node:fs";
import { endianness } from "node:os";

/** Bytes of the header, which is there twice (https://www.sqlite.org/walformat.html, "The WAL-Index File Format"). */
const HEADER = 48;

/** What is committed, as every reader of the database takes it from the index of its write-ahead log. */
export interface Committed {
  /** Both salts, as 16 hex digits. */
  salt: string;
  frames: number;
}

/**
 * The index of one database's write-ahead log. A transaction is in it when it is committed, and not before: until then
 * its frames may be written over.
 */
export class WalIndex {
  readonly #descriptor: number;

  /**
   * Its descriptor stays open as long as this process has the database open: closing it would drop SQLite's own locks.
   * @param database path; a connection of this process has it open.
   */
  constructor(database: string) {
    this.#descriptor = openSync(`${database}-shm`, "r");
  }

  /** Undefined while it is being written, or not made yet. */
  read(): Committed | undefined {
    const both = Buffer.alloc(2 * HEADER);
    readSync(this.#descriptor, both, 0, both.length, 0);
    const header = both.subarray(0, HEADER);
    if (!header.equals(both.subarray(HEADER)) || header[12] === 0) return undefined;
    const frames = endianness() === "LE" ? header.readUInt32LE(16) : header.readUInt32BE(16);
    return { salt: header.toString("hex", 32, 40), frames };
  }

  close(): void {
    closeSync(this.#descriptor);
  }
}
