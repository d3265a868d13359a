import { mkdir, rm } from "node:fs/promises";
import path from "node:path";
import { execa } from "execa";
import { systemClock } from "../../agent/site/clock.ts";
import { poll } from "../../agent/site/poll.ts";
import { startBucket } from "./bucket.ts";
import { Instance, type Programs } from "./instance.ts";
import type { Kept, Restoring } from "./keepers.ts";
import { type Memory, memoryOf } from "./memory.ts";
import { StateSite } from "./site.ts";

/** Milliseconds of each POST to a site in "s3" whose PUTs take 30 ms. */
export async function latencies(
  programs: Programs,
  folder: string,
  { clients, seconds }: { clients: number; seconds: number },
): Promise<{ took: number[]; put: number; memory: Memory }> {
  const bucket = await startBucket();
  const instance = new Instance(programs, bucket, folder, 1, "s3");
  try {
    await instance.takeOver();
    await instance.ship();
    await instance.serve();
    await instance.order("open");
    const took: number[] = [];
    const until = performance.now() + seconds * 1000;
    const ask = async (client: number): Promise<void> => {
      for (let n = 1; performance.now() < until; n++) {
        const begun = performance.now();
        const { status } = await instance.ask("POST", `/write?client=c${client}&n=${n}`);
        if (status !== 200) throw new Error(`HTTP ${status}: ${instance.said}`);
        took.push(performance.now() - begun);
      }
    };
    await Promise.all(Array.from({ length: clients }, (_, client) => ask(client)));
    const { putMedian } = await instance.status();
    return { took, put: Number(putMedian), memory: await memoryOf(instance.pid) };
  } finally {
    await instance.destroy();
    await bucket.close();
  }
}

/** One planned hand-over, in seconds, as visitors see it. */
export interface HandedOver {
  /** From the end of the old owner to the first answer of the new. */
  took: number;
  /** That a write took at most. */
  longest: number;
  /** Requests that were not answered with 200. */
  failed: number;
}

/** Planned hand-overs under four clients that write. */
export async function handOvers(programs: Programs, count: number): Promise<HandedOver[]> {
  const site = await StateSite.start(programs, { durability: "s3" });
  try {
    await site.take();
    site.visit(4);
    const all: HandedOver[] = [];
    for (let i = 0; i < count; i++) {
      await systemClock.sleep(500);
      const { refused } = site.ledger;
      site.ledger.longest = 0;
      const took = await site.handOver();
      await systemClock.sleep(300);
      all.push({ took, longest: site.ledger.longest / 1000, failed: site.ledger.refused - refused });
    }
    return all;
  } finally {
    await site.close();
  }
}

/** Seconds in which a new owner has the log and the databases of one that goes on writing as fast as it can. */
export async function takeovers(
  programs: Programs,
  count: number,
): Promise<{ seconds: number[]; lost: number }> {
  const site = await StateSite.start(programs, { durability: "s3" });
  try {
    await site.take();
    const seconds: number[] = [];
    for (let i = 0; i < count; i++) {
      const old = site.owner;
      const visits = Array.from({ length: 8 }, () => site.visitOnly(old, 3));
      await systemClock.sleep(500);
      const next = await site.next();
      const begun = performance.now();
      await next.takeOver();
      seconds.push((performance.now() - begun) / 1000);
      await next.ship();
      await next.serve();
      await next.order("open");
      site.current = next;
      await Promise.all(visits);
      await old.destroy();
    }
    const { lost } = await site.check();
    return { seconds, lost: lost.length };
  } finally {
    await site.close();
  }
}

/** A database of so many megabytes, half of which can be packed, brought into a bucket and back several times. */
export async function restores(
  kept: Kept,
  folder: string,
  { megabytes, times }: { megabytes: number; times: number },
): Promise<Restoring[]> {
  const bucket = await startBucket();
  const disk = path.join(folder, "disk");
  const into = path.join(folder, "back");
  await mkdir(disk, { recursive: true });
  const keeper = kept.make(bucket, disk, 1);
  try {
    await keeper.start();
    await execa("/usr/bin/python3", ["-c", FILL, keeper.database, String(megabytes)]);
    await settled(bucket, megabytes > 100 ? 10 : 3);
    const took: Restoring[] = [];
    for (let i = 0; i < times; i++) {
      took.push(await kept.restore(bucket, into));
      const count =
        "import sqlite3, sys; print(sqlite3.connect(sys.argv[1]).execute('SELECT count(*) FROM t').fetchone()[0])";
      const { stdout } = await execa("/usr/bin/python3", ["-c", count, into]);
      if (Number(stdout) !== megabytes * 1000) throw new Error(`${kept.name} brought ${stdout} rows back`);
      for (const suffix of ["", "-wal", "-shm"]) await rm(into + suffix, { force: true });
    }
    return took;
  } finally {
    await keeper.destroy();
    await bucket.close();
  }
}

const FILL = `
import os, sqlite3, sys
db = sqlite3.connect(sys.argv[1], timeout=20, isolation_level=None)
db.execute("PRAGMA journal_mode=WAL")
db.execute("PRAGMA wal_autocheckpoint=0")
db.execute("CREATE TABLE t (x)")
for _ in range(int(sys.argv[2])):
    db.execute("BEGIN IMMEDIATE")
    db.executemany("INSERT INTO t VALUES (?)", [(os.urandom(500) + b"a" * 500,) for _ in range(1000)])
    db.execute("COMMIT")
`;

/** Until nothing was written to the bucket for so long. Who writes large objects begins each of them after a while. */
async function settled(bucket: Awaited<ReturnType<typeof startBucket>>, everySeconds: number): Promise<void> {
  const writes = () =>
    bucket.server.calls.filter(({ operation }) => /^(Put|Upload|CompleteMultipart)/.test(operation)).length;
  let before = -1;
  await poll(
    "nothing more to be written",
    async () => {
      const now = writes();
      const done = now === before;
      before = now;
      return done ? { done } : { waiting: `${now} writes` };
    },
    { seconds: 240, everySeconds },
  );
}

/** Calls in an hour, by their names, of a keeper that has nothing to do. */
export async function idle(
  kept: Kept,
  folder: string,
  seconds: number,
): Promise<{ calls: number; memory: Memory }> {
  const bucket = await startBucket();
  const keeper = kept.make(bucket, folder, 1);
  try {
    await keeper.start();
    await settled(bucket, 3);
    const before = bucket.server.calls.length;
    await systemClock.sleep(seconds * 1000);
    return {
      calls: ((bucket.server.calls.length - before) / seconds) * 3600,
      memory: await memoryOf(keeper.pid),
    };
  } finally {
    await keeper.destroy();
    await bucket.close();
  }
}
