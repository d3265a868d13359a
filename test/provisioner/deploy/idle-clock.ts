import { setTimeout as delay } from "node:timers/promises";
import { ManualClock } from "../../cloud/manual-clock.ts";

/** Turns of the event loop without anything new after which everybody is taken to wait. */
const QUIET_TURNS = 6;

/**
 * Time that passes only while nobody has anything to do: as soon as everything waits, it is the moment for which
 * the first one waits. Nothing is ever late, however slow or loaded this machine is.
 */
export class IdleClock extends ManualClock {
  #over = false;

  /** @param count grows whenever somebody does something. */
  constructor(count: () => number) {
    super(Date.now());
    void this.#run(count);
  }

  stop(): void {
    this.#over = true;
  }

  async #run(count: () => number): Promise<void> {
    let seen = count();
    let quiet = 0;
    while (!this.#over) {
      await delay(1);
      quiet = count() === seen ? quiet + 1 : 0;
      seen = count();
      const next = this.next;
      if (quiet < QUIET_TURNS || next === undefined) continue;
      quiet = 0;
      await this.advance(next - this.now());
    }
  }
}
