import type { Clock } from "../site/clock.ts";
import { EverspotError } from "../site/errors.ts";

/**
 * Seconds that a step may take, by what it does. What it calls has limits of its own, which are shorter and tell more;
 * this is for what has none and never ends.
 */
export const DEADLINES = {
  /** A few calls to AWS or this machine. */
  calls: 240,
  /** Something of any size comes from the bucket. */
  transfer: 900,
  /** apt and dpkg, with what they wait for. */
  install: 1500,
  /** A certificate may be ordered. */
  order: 600,
  /** Commands of the release, which may migrate a database. */
  prepare: 1080,
  /** Records settle everywhere. */
  settle: 720,
} as const;

export type Kind = keyof typeof DEADLINES;

/** Seconds that a step gets to end once it is asked to. */
const GRACE_SECONDS = 10;
/** Between two looks at the time; each is a sign of life to whoever watches the clock. */
const SLICE_SECONDS = 30;

/**
 * @param work gets a signal that is aborted at the deadline, too.
 * @throws what `work` throws; at the deadline EverspotError (retry), also when `work` never ends.
 */
export async function withinTime<T>(
  seconds: number,
  clock: Clock,
  signal: AbortSignal,
  work: (signal: AbortSignal) => Promise<T>,
): Promise<T> {
  const late = new AbortController();
  const over = new AbortController();
  const guard = async (): Promise<never> => {
    for (let left = seconds; left > 0; left -= SLICE_SECONDS) {
      await clock.sleep(Math.min(left, SLICE_SECONDS) * 1000, over.signal);
    }
    const error = new EverspotError(`not done after ${seconds} s`, {
      retry: "retry",
      hint: "it is given up and tried again; if that repeats, the journal says what it was doing",
    });
    late.abort(error);
    await clock.sleep(GRACE_SECONDS * 1000, over.signal);
    throw error;
  };
  try {
    return await Promise.race([work(AbortSignal.any([signal, late.signal])), guard()]);
  } catch (error) {
    throw late.signal.aborted ? late.signal.reason : error;
  } finally {
    over.abort();
  }
}
