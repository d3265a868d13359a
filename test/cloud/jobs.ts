import type { Clock } from "../../agent/site/clock.ts";

/**
 * What the local AWS does by itself after it has answered: an instance that comes up, a fleet that replaces.
 * Everything that waits, waits here on the clock, so that `close` leaves no timer behind.
 */
export class Jobs {
  readonly clock: Clock;
  /** What went wrong in a job though it should not have: a bug of the model or of a driver. */
  readonly failures: Error[] = [];
  readonly #end = new AbortController();
  readonly #running = new Set<Promise<void>>();
  #awake = 0;
  #idle: (() => void)[] = [];

  constructor(clock: Clock) {
    this.clock = clock;
  }

  now(): Date {
    return new Date(this.clock.now());
  }

  get closed(): boolean {
    return this.#end.signal.aborted;
  }

  /** Starts work no one waits for. `what` names it in a failure. */
  start(what: string, work: () => Promise<void>): void {
    if (this.closed) return;
    this.#awake++;
    const running = work()
      .catch((cause: unknown) => {
        if (this.closed) return;
        this.failures.push(
          new Error(`${what}: ${cause instanceof Error ? cause.message : String(cause)}`, { cause }),
        );
      })
      .finally(() => {
        this.#running.delete(running);
        this.#doze();
      });
    this.#running.add(running);
  }

  /** Inside a job: waits `ms`; 0 does not touch the clock. Rejects when everything closes. */
  async sleep(ms: number): Promise<void> {
    this.#end.signal.throwIfAborted();
    if (ms <= 0) return;
    this.#doze();
    try {
      await this.clock.sleep(ms, this.#end.signal);
    } finally {
      this.#awake++;
    }
  }

  /** Resolves when every job has ended or waits for the clock. */
  async settled(): Promise<void> {
    while (this.#awake > 0) await new Promise<void>((resolve) => this.#idle.push(resolve));
  }

  /** Ends every job that waits and lets the others come to their next wait. */
  async close(): Promise<void> {
    this.#end.abort(new Error("the local AWS closes"));
    await Promise.all(this.#running);
  }

  #doze(): void {
    this.#awake--;
    if (this.#awake > 0) return;
    const waiting = this.#idle;
    this.#idle = [];
    for (const resolve of waiting) resolve();
  }
}
