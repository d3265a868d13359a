import type { StateBucket } from "../../site/state/bucket.ts";
import { Fenced } from "../../site/state/errors.ts";
import { BASE_PREFIX, LOG_PREFIX, logKey, seqOf } from "../../site/state/keys.ts";
import type { Place } from "../../site/state/place.ts";
import type { ReadOptions } from "../../site/state/read-log.ts";
import { fenceAhead, fillGap, type Writer } from "./fence-ahead.ts";
import type { Patience } from "./settle.ts";

/**
 * Takes the log: places the fence, then has everything up to the last number it was placed on read, filling gaps on the
 * way. From here on no earlier owner can write what counts.
 * @param read reads the log up to `last`, from wherever it has to begin, and asks `onGap` about missing numbers.
 * @throws Fenced when a later owner was met, at any number: above or below the fence.
 */
export async function takeLog<T extends { place: Place }>(
  bucket: StateBucket,
  me: Writer,
  read: (options: { last: number; onGap: NonNullable<ReadOptions["onGap"]> }) => Promise<T>,
  patience: Patience & { ahead?: number | undefined },
): Promise<T> {
  const { next, at } = await nextNumber(bucket);
  const placed = await fenceAhead(bucket, me, next, at, patience);
  const done = await read({
    last: placed.next - 1,
    onGap: (seq) => fillGap(bucket, me, seq, at, patience),
  });
  if (done.place.epoch !== me.epoch) throw new Fenced(done.place.epoch);
  return done;
}

/** The number after the highest one in use, and S3's clock. */
async function nextNumber(bucket: StateBucket): Promise<{ next: number; at: string }> {
  const bases = await bucket.list(BASE_PREFIX);
  const newest = seqOf(bases.objects.at(-1)?.key ?? "") ?? 0;
  const log = await bucket.list(LOG_PREFIX, newest === 0 ? undefined : logKey(newest));
  return { next: Math.max(newest, seqOf(log.objects.at(-1)?.key ?? "") ?? 0) + 1, at: log.date };
}
