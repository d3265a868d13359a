import { setTimeout as delay, setImmediate as turn } from "node:timers/promises";
import { ManualClock } from "../../cloud/manual-clock.ts";
import type { WireServer } from "../../cloud/wire/server.ts";

/**
 * Turns of the event loop without a call after which everybody is taken to wait. An answer is read in the turn after
 * it was written, for it crosses the loopback alone; the rest is for what its reader does before it calls again.
 */
const QUIET_TURNS = 8;

/** What the event loop waits for outside this process's own turns: files, names, connections, children. */
const UNDER_WAY = /Req|Connect|Process/;

/**
 * Time that passes only while nobody has anything to do: as soon as everything waits, it is the moment for which
 * the first one waits. Nothing is ever late, however slow or loaded this machine is.
 */
export class IdleClock extends ManualClock {
  #over = false;

  constructor() {
    super(Date.now());
  }

  /** Time stands still until this. */
  start(wire: WireServer): void {
    void this.#run(wire);
  }

  stop(): void {
    this.#over = true;
  }

  async #run(wire: WireServer): Promise<void> {
    while (!this.#over) {
      await wire.answered();
      const calls = wire.calls.length;
      for (let turns = 0; turns < QUIET_TURNS; turns++) await turn();
      if (wire.calls.length !== calls) continue;
      if (this.next === undefined || process.getActiveResourcesInfo().some((name) => UNDER_WAY.test(name))) {
        await delay(1);
      } else {
        await this.advance(this.next - this.now());
      }
    }
  }
}
