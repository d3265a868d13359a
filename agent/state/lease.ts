import { closeSync, ftruncateSync, openSync, readFileSync, writeSync } from "node:fs";

/**
 * What the app's own process knows about shipping: a file in memory (below /run), read by
 * `wrapper/everspot_state.py`. Numbers are little endian.
 *
 * | at | bytes | what |
 * |---|---|---|
 * | 0 | 4 | `EVL1` |
 * | 4 | 4 | how many databases |
 * | 8 | 8 | odd while the rest is written |
 * | 16 | 8 | nanoseconds of CLOCK_BOOTTIME until which all that is committed may be answered |
 * | 24 | 8 | nanoseconds of the bound: how long ago something may have been committed that is not in the bucket |
 * | 32 | 4 | 1: a later owner has the site, or it is sealed; nothing may be answered |
 * | 40 | 8 | nanoseconds of CLOCK_BOOTTIME: all uploads that were changed before are in the bucket |
 * | 48 | 24 each | of each database: both salts (8, as in its index), frames in the bucket (4), frames that were taken out of an earlier generation and are not there yet (4), inode of its index (8) |
 */
export const LEASE_SIZE = 4096;
const HEAD = 48;
const EACH = 24;

export interface LeaseState {
  /** Nanoseconds of CLOCK_BOOTTIME. */
  until: bigint;
  bound: bigint;
  over: boolean;
  uploads: bigint;
  databases: readonly { salt: string; frames: number; pending: number; index: number }[];
}

export class Lease {
  readonly #descriptor: number;
  #sequence = 0n;

  /** @param path below /run: what is there is lost with the machine, as it must be. */
  constructor(path: string) {
    this.#descriptor = openSync(path, "w+", 0o644);
    ftruncateSync(this.#descriptor, LEASE_SIZE);
  }

  write({ until, bound, over, uploads, databases }: LeaseState): void {
    const bytes = Buffer.alloc(HEAD + databases.length * EACH);
    bytes.write("EVL1", 0);
    bytes.writeUInt32LE(databases.length, 4);
    this.#sequence += 2n;
    bytes.writeBigUInt64LE(this.#sequence - 1n, 8);
    bytes.writeBigUInt64LE(until, 16);
    bytes.writeBigUInt64LE(bound, 24);
    bytes.writeUInt32LE(over ? 1 : 0, 32);
    bytes.writeBigUInt64LE(uploads, 40);
    for (const [i, { salt, frames, pending, index }] of databases.entries()) {
      const at = HEAD + i * EACH;
      bytes.write(salt, at, "hex");
      bytes.writeUInt32LE(frames, at + 8);
      bytes.writeUInt32LE(pending, at + 12);
      bytes.writeBigUInt64LE(BigInt(index), at + 16);
    }
    writeSync(this.#descriptor, bytes, 8, 8, 8);
    writeSync(this.#descriptor, bytes, 16, bytes.length - 16, 16);
    bytes.writeBigUInt64LE(this.#sequence, 8);
    writeSync(this.#descriptor, bytes, 0, 16, 0);
  }

  close(): void {
    closeSync(this.#descriptor);
  }
}

/** Nanoseconds of CLOCK_BOOTTIME, which goes on while the machine sleeps; to 10 ms. */
export function boottime(): bigint {
  const [seconds = "0", hundredths = "0"] =
    readFileSync("/proc/uptime", "utf8").split(" ", 1)[0]?.split(".") ?? [];
  return (BigInt(seconds) * 100n + BigInt(hundredths.padEnd(2, "0").slice(0, 2))) * 10_000_000n;
}
