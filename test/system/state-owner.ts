/** Owners of a site with state without a machine, and what is in their bucket. */
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { execa } from "execa";
import { afterAll, afterEach, beforeAll, beforeEach, expect } from "vitest";
import { poll } from "../../agent/site/poll.ts";
import { type Bucket, startBucket } from "../../scripts/state/bucket.ts";
import { Instance, type Programs } from "../../scripts/state/instance.ts";
import { buildPrograms } from "../../scripts/state/programs.ts";

let folder: string;
export let programs: Programs;
export let bucket: Bucket;
let instances: Instance[];

/** A bucket for each test of a file, whose instances end with it. */
export function stateOwners(): void {
  beforeAll(async () => {
    folder = await mkdtemp(path.join(tmpdir(), "everspot-state-test-"));
    programs = await buildPrograms(folder);
  });
  afterAll(() => rm(folder, { recursive: true, force: true }));
  beforeEach(async () => {
    bucket = await startBucket();
    instances = [];
  });
  afterEach(async () => {
    for (const instance of instances) await instance.destroy();
    expect(bucket.server.faults).toEqual([]);
    await bucket.close();
  });
}

export const made = (epoch: number, durability: "fast" | "s3" = "s3"): Instance => {
  const instance = new Instance(
    programs,
    bucket,
    path.join(folder, `${Date.now()}-${epoch}`),
    epoch,
    durability,
  );
  instances.push(instance);
  return instance;
};
/** With its shipper, and its app unless nothing is to be asked of it. */
export const owner = async (
  epoch: number,
  { durability = "s3", app = true }: { durability?: "fast" | "s3"; app?: boolean } = {},
) => {
  const instance = made(epoch, durability);
  await instance.takeOver();
  await instance.ship();
  if (app) await instance.serve();
  await instance.order("open");
  return instance;
};
export const post = (instance: Instance, n: number) => instance.ask("POST", `/write?client=c&n=${n}`);

/** Runs Python with the database as `db`, outside of the app and without the site's sitecustomize. */
export async function sql(database: string, program: string): Promise<string> {
  const script = `import sqlite3, sys, hashlib\ndb = sqlite3.connect(sys.argv[1], isolation_level=None)\n${program}\n`;
  return (await execa("/usr/bin/python3", ["-c", script, database])).stdout;
}
/** Of everything that is in it. */
export const DIGEST =
  "print(hashlib.sha256('\\n'.join(db.iterdump()).encode()).hexdigest(), db.execute('PRAGMA integrity_check').fetchone()[0])";

/** What is in the bucket, in a file of its own. */
export async function restored(): Promise<string> {
  const into = made(99);
  await into.restore();
  return into.database;
}
/** All that was written until now: that nothing is behind counts from a look that began later. */
export const shipped = async (instance: Instance) => {
  const begun = performance.now();
  await poll(
    "all is in the bucket",
    async () => {
      const { behind, lag } = await instance.status();
      const since = performance.now() - begun;
      return Number(lag) + TICK < since ? { done: true } : { waiting: `${behind} frames, ${lag} ms` };
    },
    { seconds: 60, everySeconds: 0.05 },
  );
};
/** Milliseconds to which the shipper's clock is exact. */
const TICK = 10;
export const same = async (instance: Instance) => {
  await shipped(instance);
  const digest = await sql(instance.database, DIGEST);
  expect(digest).toMatch(/ ok$/);
  expect(await sql(await restored(), DIGEST)).toBe(digest);
};
