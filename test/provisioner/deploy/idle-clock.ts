import diagnostics from "node:diagnostics_channel";
import type { ClientRequest } from "node:http";
import { setTimeout as delay, setImmediate as turn } from "node:timers/promises";
import { ManualClock } from "../../cloud/manual-clock.ts";

/** Turns of the event loop without a request after which everybody is taken to wait. */
const QUIET_TURNS = 8;

/** What the event loop waits for besides requests: files, connections, children. */
const UNDER_WAY = /Req|Connect|Process/;

/**
 * Time that passes only while no one has anything to do: as soon as everything waits, it is the moment for which
 * the first one waits. Nothing is ever late, however slow or loaded this machine is: a request that this process
 * sent and that is not answered keeps the time.
 */
export class IdleClock extends ManualClock {
  #over = false;
  #requests = 0;
  readonly #unanswered = new Set<ClientRequest>();

  constructor() {
    super(Date.now());
    diagnostics.subscribe("http.client.request.start", this.#sent);
    diagnostics.subscribe("http.client.response.finish", this.#answered);
    void this.#run();
  }

  stop(): void {
    this.#over = true;
    diagnostics.unsubscribe("http.client.request.start", this.#sent);
    diagnostics.unsubscribe("http.client.response.finish", this.#answered);
  }

  readonly #sent = (message: unknown): void => {
    const { request } = message as { request: ClientRequest };
    this.#requests++;
    this.#unanswered.add(request);
    // Also one that fails.
    request.once("close", () => this.#unanswered.delete(request));
  };

  readonly #answered = (message: unknown): void => {
    this.#unanswered.delete((message as { request: ClientRequest }).request);
  };

  async #run(): Promise<void> {
    while (!this.#over) {
      const before = this.#requests;
      for (let turns = 0; turns < QUIET_TURNS; turns++) await turn();
      if (this.#requests !== before || this.#unanswered.size > 0) continue;
      if (this.next === undefined || process.getActiveResourcesInfo().some((name) => UNDER_WAY.test(name))) {
        await delay(1);
      } else {
        await this.advance(this.next - this.now());
      }
    }
  }
}
