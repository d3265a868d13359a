import type { Clock } from "../../agent/site/clock.ts";

interface Sleeper {
  at: number;
  wake: () => void;
}

/** A clock that stands still until a test moves it. */
export class ManualClock implements Clock {
  #now: number;
  #sleepers: Sleeper[] = [];

  constructor(start = Date.UTC(2026, 10, 21, 12)) {
    this.#now = start;
  }

  now(): number {
    return this.#now;
  }

  /** How many wait. */
  get sleeping(): number {
    return this.#sleepers.length;
  }

  /** When the first of them wakes up. */
  get next(): number | undefined {
    return this.#sleepers.length === 0 ? undefined : Math.min(...this.#sleepers.map((s) => s.at));
  }

  sleep(ms: number, signal?: AbortSignal): Promise<void> {
    return new Promise((resolve, reject) => {
      if (signal?.aborted) return reject(signal.reason);
      const done = () => {
        this.#sleepers = this.#sleepers.filter((s) => s !== sleeper);
        signal?.removeEventListener("abort", abort);
      };
      const abort = () => {
        done();
        reject(signal?.reason);
      };
      const sleeper: Sleeper = {
        at: this.#now + ms,
        wake: () => {
          done();
          resolve();
        },
      };
      signal?.addEventListener("abort", abort, { once: true });
      this.#sleepers.push(sleeper);
    });
  }

  /**
   * Moves time on, waking each sleeper at its own moment, in order. `settle` runs after each wake-up, so that
   * what a sleeper does next (and sleeps for) falls into the same advance.
   */
  async advance(ms: number, settle: () => Promise<void> = flush): Promise<void> {
    const end = this.#now + ms;
    await settle();
    for (;;) {
      const next = this.#sleepers.filter((s) => s.at <= end).sort((a, b) => a.at - b.at)[0];
      if (next === undefined) break;
      this.#now = Math.max(this.#now, next.at);
      next.wake();
      await flush();
      await settle();
    }
    this.#now = end;
  }
}

const flush = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));
