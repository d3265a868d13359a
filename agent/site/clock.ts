import { setTimeout as delay } from "node:timers/promises";

/** Time as a port, so that tests move it by hand. Milliseconds since the epoch. */
export interface Clock {
  now(): number;
  /** Resolves after `ms`; rejects with the signal's reason when aborted. */
  sleep(ms: number, signal?: AbortSignal): Promise<void>;
}

export const systemClock: Clock = {
  now: () => Date.now(),
  sleep: async (ms, signal) => {
    await delay(ms, undefined, signal ? { signal } : undefined).catch((error: unknown) => {
      // Node's own AbortError only carries the reason as its cause.
      signal?.throwIfAborted();
      throw error;
    });
  },
};

/** Runs evenly, also on a machine that sets its time of day while it boots: for deadlines; its `now` is of no calendar. */
export const steadyClock: Clock = { now: () => performance.now(), sleep: systemClock.sleep };

/** Whole days that have passed since. @param now milliseconds since the epoch. */
export const daysSince = (then: Date, now: number): number => Math.floor((now - then.getTime()) / 86_400_000);
