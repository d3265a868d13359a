import { mkdir } from "node:fs/promises";
import path from "node:path";
import { systemClock } from "../../agent/site/clock.ts";
import { type Bucket, startBucket } from "./bucket.ts";
import { Instance, type Programs } from "./instance.ts";
import { everspot, type Kept } from "./keepers.ts";
import { restored } from "./loss.ts";
import { monotonic, Writer } from "./writer.ts";

/** How S3 is out of reach. */
export type How = "answers 503" | "never answers";

/** What comes of it; seconds. */
export interface Outage {
  how: How;
  lasted: number;
  /** From the oldest write that was acknowledged to visitors and that is lost if the machine goes now, to the last such. */
  lost: number;
  /** What may be, as the shipper says. */
  bound?: number;
  /** Until it is told. */
  told?: number | undefined;
  /** From its end to the next write that is safe; undefined: none came. */
  resumed: number | undefined;
}

/** Before it, so that how long a PUT takes is known; and how long it is waited for after it. */
const BEFORE = 4;
const AFTER = 20;

function begin(bucket: Bucket, how: How): void {
  if (how === "answers 503") bucket.refuses = true;
  else bucket.server.silence("s3");
}

function end(bucket: Bucket, how: How): void {
  if (how === "answers 503") bucket.refuses = false;
  else bucket.server.speak("s3");
}

/** A site in "fast" with visitors who write all the time. */
export async function outage(programs: Programs, folder: string, how: How, seconds: number): Promise<Outage> {
  const bucket = await startBucket();
  const instance = new Instance(programs, bucket, path.join(folder, "site"), 1, "fast");
  const over = new AbortController();
  try {
    await instance.takeOver();
    await instance.ship();
    await instance.serve();
    await instance.order("open");
    /** When each was acknowledged, by its number. */
    const told = new Map<number, number>();
    let next = 0;
    const visitor = async (): Promise<void> => {
      while (!over.signal.aborted) {
        const n = ++next;
        const { status } = await instance.ask("POST", `/write?client=c&n=${n}`).catch(() => ({ status: 0 }));
        if (status === 200) told.set(n, monotonic());
        await systemClock.sleep(100);
      }
    };
    const visitors = [visitor(), visitor(), visitor(), visitor()];
    await systemClock.sleep(BEFORE * 1000);
    const bound = Number((await instance.status()).bound) / 1000;
    begin(bucket, how);
    const begun = monotonic();
    let heard: number | undefined;
    while (monotonic() - begun < seconds * 1000) {
      await systemClock.sleep(200);
      // What `everspot status` and notifications are made of (agent/duty/keeping.ts).
      const { lag = 0, bound: now = 0, trouble } = await instance.status();
      if (trouble !== undefined && lag > now) heard ??= (monotonic() - begun) / 1000;
    }
    const content = bucket.content();
    const acknowledged = [...told];
    end(bucket, how);
    const ended = monotonic();
    let resumed: number | undefined;
    while (resumed === undefined && monotonic() - ended < AFTER * 1000) {
      await systemClock.sleep(20);
      const last = Math.max(...told.values());
      if (last > ended) resumed = (last - ended) / 1000;
    }
    over.abort();
    await Promise.all(visitors);
    const lost = await lostOf(everspot(programs), content, path.join(folder, "back"), acknowledged);
    return { how, lasted: seconds, lost, bound, told: heard, resumed };
  } finally {
    over.abort();
    await instance.destroy();
    await bucket.close();
  }
}

/** A database that is kept without a site: whatever is committed counts as told of. */
export async function bareOutage(kept: Kept, folder: string, how: How, seconds: number): Promise<Outage> {
  const bucket = await startBucket();
  const disk = path.join(folder, "disk");
  await mkdir(disk, { recursive: true });
  const keeper = kept.make(bucket, disk, 1);
  try {
    await keeper.start();
    const writer = new Writer(keeper.database, 20);
    await systemClock.sleep(BEFORE * 1000);
    begin(bucket, how);
    await systemClock.sleep(seconds * 1000);
    const content = bucket.content();
    const acknowledged = [...writer.committed];
    end(bucket, how);
    const puts = () => bucket.server.calls.filter(({ operation }) => operation === "PutObject").length;
    const [before, ended] = [puts(), monotonic()];
    let resumed: number | undefined;
    while (resumed === undefined && monotonic() - ended < AFTER * 1000) {
      await systemClock.sleep(20);
      if (puts() > before) resumed = (monotonic() - ended) / 1000;
    }
    await writer.end();
    const lost = await lostOf(kept, content, path.join(folder, "back"), acknowledged);
    return { how, lasted: seconds, lost, resumed };
  } finally {
    await keeper.destroy();
    await bucket.close();
  }
}

async function lostOf(
  kept: Kept,
  content: Parameters<typeof restored>[1],
  into: string,
  acknowledged: readonly [number, number][],
): Promise<number> {
  const held = await restored(kept, content, into);
  if (held === undefined) throw new Error("what is in the bucket cannot be restored");
  const lost = acknowledged.filter(([n]) => !held.has(n)).map(([, ms]) => ms);
  return lost.length === 0 ? 0 : (Math.max(...lost) - Math.min(...lost)) / 1000;
}
