import { mkdir, rm } from "node:fs/promises";
import path from "node:path";
import { execa } from "execa";
import { systemClock } from "../../agent/site/clock.ts";
import { type Content, startBucket } from "./bucket.ts";
import type { Kept } from "./keepers.ts";
import { monotonic, Writer } from "./writer.ts";

/** How a database is written to before the power goes. */
export interface Writing {
  /** Commits a second. */
  pace: number;
  /** Before the first power cut: whoever may write often at first settles down. */
  seconds: number;
  /** Power cuts. */
  cuts: number;
}

export interface Losses {
  /** Of each power cut, seconds: how long before it the oldest commit was made that is lost; 0: none is. */
  seconds: number[];
  /** Restores that failed, or whose database is damaged. */
  broken: number;
}

/** The golden section: its multiples are spread evenly over each second, wherever the writes in it lie. */
const SECTION = 0.618034;

/**
 * A database is written to, the machine's power goes, and what is in the bucket is brought back. All that a machine leaves
 * behind is the bucket, so each moment of one run is a power cut: the bucket as it is then, without what is on its way.
 */
export async function losses(kept: Kept, folder: string, { pace, seconds, cuts }: Writing): Promise<Losses> {
  const bucket = await startBucket();
  const disk = path.join(folder, `${kept.name}-at-${pace}`);
  await mkdir(disk, { recursive: true });
  const left: { at: number; content: Content }[] = [];
  let committed: ReadonlyMap<number, number>;
  const keeper = kept.make(bucket, disk, 1);
  try {
    await keeper.start();
    const writer = new Writer(keeper.database, pace);
    await systemClock.sleep(seconds * 1000);
    const begun = monotonic();
    for (let i = 0; i < cuts; i++) {
      await systemClock.sleep(Math.max(0, begun + 1000 * (i + ((i * SECTION) % 1)) - monotonic()));
      left.push({ at: monotonic(), content: bucket.content() });
    }
    committed = await writer.end();
  } finally {
    await keeper.destroy();
    await bucket.close();
    await rm(disk, { recursive: true, force: true });
  }
  const found: Losses = { seconds: [], broken: 0 };
  for (const { at, content } of left) {
    const held = await restored(kept, content, `${disk}.back`);
    if (held === undefined) found.broken++;
    else {
      const lost = [...committed].filter(([n, ms]) => ms <= at && !held.has(n)).map(([, ms]) => ms);
      found.seconds.push(lost.length === 0 ? 0 : (at - Math.min(...lost)) / 1000);
    }
  }
  return found;
}

/** Numbers of the rows that come back out of a bucket. Undefined: there is nothing, or nothing whole. */
export async function restored(kept: Kept, content: Content, into: string): Promise<Set<number> | undefined> {
  const bucket = await startBucket(content);
  try {
    await kept.restore(bucket, into);
    const { stdout } = await execa("/usr/bin/python3", [
      "-c",
      "import sqlite3, sys, json\ndb = sqlite3.connect(sys.argv[1])\nassert db.execute('PRAGMA integrity_check').fetchone()[0] == 'ok'\nprint(json.dumps([n for n, in db.execute('SELECT n FROM rows')]))",
      into,
    ]);
    return new Set(JSON.parse(stdout) as number[]);
  } catch {
    return undefined;
  } finally {
    await bucket.close();
    for (const suffix of ["", "-wal", "-shm"]) await rm(into + suffix, { force: true });
  }
}
