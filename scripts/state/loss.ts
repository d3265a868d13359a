import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdir, rm } from "node:fs/promises";
import path from "node:path";
import { createInterface } from "node:readline";
import { execa } from "execa";
import { systemClock } from "../../agent/site/clock.ts";
import { startBucket } from "./bucket.ts";
import type { Kept } from "./keepers.ts";

/** How a database is written to before the power goes. */
export interface Writing {
  /** Commits a second. */
  pace: number;
  /** At least, before the power goes: whoever may write often at first settles down. */
  seconds: number;
  /** Power cuts. */
  cuts: number;
  /** From 0 to 1. */
  random: () => number;
}

export interface Losses {
  /** Of each power cut, seconds: how long before it the oldest commit was made that is lost; 0: none is. */
  seconds: number[];
  /** Restores that failed, or whose database is damaged. */
  broken: number;
}

/** A database is written to, the machine's power goes, and what is in the bucket is brought back: again and again. */
export async function losses(
  kept: Kept,
  folder: string,
  { pace, seconds, cuts, random }: Writing,
): Promise<Losses> {
  const found: Losses = { seconds: [], broken: 0 };
  for (let i = 0; i < cuts; i++) {
    const bucket = await startBucket();
    const disk = path.join(folder, `${kept.name}-${i}`);
    const into = path.join(folder, `${kept.name}-${i}.back`);
    await mkdir(disk, { recursive: true });
    try {
      const keeper = kept.make(bucket, disk, 1);
      await keeper.start();
      const script = path.join(import.meta.dirname, "writer.py");
      const writer = spawn("/usr/bin/python3", [script, keeper.database, String(pace)], {
        stdio: ["ignore", "pipe", "ignore"],
      });
      const ended = once(writer, "exit");
      const committed = new Map<number, number>();
      createInterface({ input: writer.stdout }).on("line", (line) => {
        const [n = 0, ms = 0] = line.split(" ").map(Number);
        committed.set(n, ms);
      });
      await systemClock.sleep((seconds + 1.5 * random()) * 1000);
      // Of the same clock as the writer's.
      const cut = Number(process.hrtime.bigint()) / 1e6;
      writer.kill("SIGKILL");
      await Promise.all([ended, keeper.destroy()]);
      const held = await restored(kept, bucket, into);
      if (held === undefined) found.broken++;
      else {
        const lost = [...committed].filter(([n, ms]) => ms <= cut && !held.has(n)).map(([, ms]) => ms);
        found.seconds.push(lost.length === 0 ? 0 : (cut - Math.min(...lost)) / 1000);
      }
    } finally {
      await bucket.close();
      await rm(disk, { recursive: true, force: true });
      await rm(into, { force: true });
    }
  }
  return found;
}

/** Undefined: there is nothing, or nothing whole. */
async function restored(
  kept: Kept,
  bucket: Parameters<Kept["restore"]>[0],
  into: string,
): Promise<Set<number> | undefined> {
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
  }
}
