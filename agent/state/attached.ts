import path from "node:path";
import type { Clock } from "../site/clock.ts";
import { EverspotError } from "../site/errors.ts";
import type { StateBucket } from "../site/state/bucket.ts";
import type { Frames } from "../site/state/entry.ts";
import { difference } from "./compare.ts";
import { Database } from "./database.ts";
import { Follower } from "./follower.ts";
import { fingerprint, type Kept } from "./kept.ts";
import { counted } from "./position.ts";

/** Milliseconds until the next try to get hold of a database that is read by a long transaction. */
const AGAIN = 250;

type KeptFiles = Kept["files"];

/** A database that is shipped. */
export interface Attached {
  file: string;
  path: string;
  database: Database;
  follower: Follower;
  /** Nanoseconds of CLOCK_BOOTTIME: all that was committed before is in the bucket. */
  covered: bigint;
  /** The same clock at the last look. */
  looked: bigint;
  /** The follower's point up to which the database's file has everything. */
  copied: string;
}

/** What is known of each database with one more entry of the log. */
export function keptAfter(files: KeptFiles, frames: Frames): KeptFiles {
  const before = files[frames.file];
  const after = counted(before !== undefined && "salt" in before ? before : undefined, frames);
  const { [frames.file]: _, ...others } = files;
  return after === undefined ? others : { ...others, [frames.file]: after };
}

export interface AttachOptions {
  folder: string;
  durability: "fast" | "s3";
  /** The machine was restarted since: its disk may have lost what was written last. */
  rebooted: boolean;
}

/**
 * Gets hold of a database. What a run before has kept of it counts if it is as that left it; else it is to be compared.
 * After a reboot the disk may have less than the bucket: an application may ask SQLite not to wait for the disk. What
 * the bucket has counts then, and of "s3" all that was acknowledged is there.
 * @throws EverspotError for what is no database; TakeOverAgain.
 */
export function attach(
  file: string,
  kept: KeptFiles[string] | undefined,
  { folder, durability, rebooted }: AttachOptions,
): { one: Attached; compare: boolean } {
  const at = path.join(folder, file);
  const untouched = kept !== undefined && "untouched" in kept && kept.untouched === fingerprint(at);
  const database = new Database(at);
  const follower = new Follower(file, at);
  const one = { file, path: at, database, follower, covered: 0n, looked: 0n, copied: "" };
  if (untouched) {
    follower.startUntouched();
    return { one, compare: false };
  }
  const found = kept === undefined || "untouched" in kept ? "other" : follower.resume(kept);
  if (rebooted && (found === "behind" || (found === "other" && durability === "s3")))
    throw new TakeOverAgain(at);
  return { one, compare: found !== "goes on" };
}

/** The machine's disk may have less than the bucket. */
export class TakeOverAgain extends EverspotError {
  constructor(database: string) {
    super(`${database} may have lost what is in the bucket when the machine restarted`, {
      resource: database,
      hint: "take the site's state over again, with the same epoch",
      exitCode: 4,
    });
  }
}

/** The log, as far as comparing needs it. */
interface ComparedLog {
  readonly place: { seq: number };
  append(written: { kind: "data"; frames: Frames }, body: Buffer): Promise<{ late: unknown }>;
}

/** Brings the log to what a database is, before anything of it is acknowledged. */
export async function compare(
  one: Attached,
  log: ComparedLog,
  { bucket, keeps, clock, signal }: { bucket: StateBucket; keeps: string; clock: Clock; signal: AbortSignal },
): Promise<{ entries: number; bytes: number }> {
  for (;;) {
    const fresh = () => {
      one.follower.startAfresh();
      return true;
    };
    while (!one.database.checkpoint(fresh).complete) await clock.sleep(AGAIN, signal);
    const written = { entries: 0, bytes: 0 };
    const { descriptor, page } = one.database;
    const source = { file: one.file, descriptor, page };
    let met = false;
    for await (const { frames, body } of difference(bucket, log.place.seq, source, keeps)) {
      const { late } = await log.append({ kind: "data", frames }, body);
      // An earlier run wrote it: the log is not what was compared with.
      if (late !== undefined) {
        met = true;
        break;
      }
      written.entries++;
      written.bytes += body.length;
    }
    if (!met) return written;
  }
}
