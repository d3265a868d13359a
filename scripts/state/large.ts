import path from "node:path";
import { execa } from "execa";
import { systemClock } from "../../agent/site/clock.ts";
import { startBucket } from "./bucket.ts";
import { Instance, type Programs } from "./instance.ts";
import { everspot } from "./keepers.ts";
import { restored } from "./loss.ts";
import { Peak } from "./memory.ts";
import { Writer } from "./writer.ts";

/** Something large that is written at once, while others write. */
export interface Large {
  what: "one transaction" | "VACUUM";
  megabytes: number;
  /** Megabytes (2^20 bytes) that the shipper had at most meanwhile. */
  resident: number;
  /** Until all of it was in the bucket. */
  seconds: number;
  /** Commits of others that are not in the bucket afterwards. */
  lost: number;
  /** Whether it was told that what is written is not in the bucket yet. */
  told: boolean;
}

const PACE = 20;
const ROW = 10_000;

/** Fills a table with so many megabytes in one transaction; then half of it goes, and the rest is packed. */
export async function large(
  programs: Programs,
  folder: string,
  { transaction, vacuum }: { transaction: number; vacuum: number },
): Promise<Large[]> {
  const all: Large[] = [];
  for (const [what, megabytes] of [
    ["one transaction", transaction],
    ["VACUUM", vacuum],
  ] as const) {
    const bucket = await startBucket();
    const at = path.join(folder, what.replace(" ", "-"));
    const instance = new Instance(programs, bucket, at, 1, "fast");
    try {
      await instance.takeOver();
      await instance.ship();
      await instance.order("open");
      const writer = new Writer(instance.database, PACE);
      const fill = (rows: number) =>
        python(
          instance.database,
          `db.execute('CREATE TABLE large (x)'); db.execute('BEGIN IMMEDIATE')\ndb.executemany('INSERT INTO large VALUES (randomblob(?))', ((${ROW},) for _ in range(${rows})))\ndb.execute('COMMIT')`,
        );
      const rows = Math.round((megabytes * 1e6) / ROW);
      if (what === "VACUUM") {
        await fill(2 * rows);
        await python(instance.database, "db.execute('DELETE FROM large WHERE rowid % 2 = 0')");
        await shipped(instance);
      }
      const peak = new Peak(instance.pid);
      const begun = performance.now();
      await (what === "VACUUM" ? python(instance.database, "db.execute('VACUUM')") : fill(rows));
      const told = await shipped(instance);
      const seconds = (performance.now() - begun) / 1000;
      const resident = peak.stop();
      const committed = await writer.end();
      await shipped(instance);
      const held = await restored(everspot(programs), bucket.content(), `${at}.back`);
      if (held === undefined) throw new Error("what is in the bucket cannot be restored");
      const lost = [...committed.keys()].filter((n) => !held.has(n)).length;
      all.push({ what, megabytes, resident, seconds, lost, told });
    } finally {
      await instance.destroy();
      await bucket.close();
    }
  }
  return all;
}

async function python(database: string, program: string): Promise<void> {
  const script = `import sqlite3, sys\ndb = sqlite3.connect(sys.argv[1], timeout=300, isolation_level=None)\ndb.execute('PRAGMA wal_autocheckpoint=0')\n${program}`;
  await execa("/usr/bin/python3", ["-c", script, database]);
}

/** Until all that was committed by now is in the bucket. @returns whether it was told that something is late. */
async function shipped(instance: Instance): Promise<boolean> {
  const begun = performance.now();
  let told = false;
  for (;;) {
    await systemClock.sleep(50);
    // It does not answer while it reads.
    const { lag = Number.POSITIVE_INFINITY, bound = 0 } = await instance.status();
    told ||= lag > bound;
    // To the shipper's clock, of 10 ms.
    if (Number(lag) + 10 < performance.now() - begun) return told;
  }
}
