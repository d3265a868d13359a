import { setTimeout as delay } from "node:timers/promises";
import { ManualClock } from "../../cloud/manual-clock.ts";
import { Traffic } from "../../cloud/traffic.ts";

/**
 * Time that passes only while no one has anything to do: as soon as everything waits, it is the moment for which
 * the first one waits. Nothing is ever late, however slow or loaded this machine is: a request that this process
 * sent and that is not answered keeps the time.
 */
export class IdleClock extends ManualClock {
  #over = false;
  readonly #traffic = new Traffic();

  constructor() {
    super(Date.now());
    void this.#run();
  }

  stop(): void {
    this.#over = true;
    this.#traffic.stop();
  }

  async #run(): Promise<void> {
    while (!this.#over) {
      await this.#traffic.quiet();
      if (this.next === undefined) await delay(1);
      else await this.advance(this.next - this.now());
    }
  }
}
