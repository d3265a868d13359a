import type { Clock } from "../../agent/site/clock.ts";
import type { Probe } from "./probe.ts";

/** One request for the site. Times in milliseconds; `at` is since the epoch, when it was sent. */
export interface Sample {
  at: number;
  milliseconds: number;
  /** Undefined: answered. */
  failure: string | undefined;
}

const EVERY_MS = 250;
/** Requests under way at once; a site that hangs must not get more and more of them. */
const AT_ONCE = 40;

/** Requests the site by name four times a second, whether or not the last request was answered. */
export class Prober {
  readonly samples: Sample[] = [];
  readonly #over = new AbortController();
  readonly #running = new Set<Promise<void>>();
  readonly #going: Promise<void>;

  constructor(url: string, probe: Probe, clock: Clock) {
    this.#going = this.#go(url, probe, clock);
  }

  /** Waits for outstanding answers. @returns all samples, oldest first. */
  async stop(): Promise<readonly Sample[]> {
    this.#over.abort();
    await this.#going;
    await Promise.all(this.#running);
    return this.samples.sort((a, b) => a.at - b.at);
  }

  async #go(url: string, probe: Probe, clock: Clock): Promise<void> {
    while (!this.#over.signal.aborted) {
      if (this.#running.size < AT_ONCE) this.#ask(url, probe, clock);
      await clock.sleep(EVERY_MS, this.#over.signal).catch(() => undefined);
    }
  }

  #ask(url: string, probe: Probe, clock: Clock): void {
    const at = clock.now();
    const one: Promise<void> = probe(url)
      .then((seen) => {
        const failure = "error" in seen ? seen.error : seen.status >= 500 ? `HTTP ${seen.status}` : undefined;
        this.samples.push({ at, milliseconds: clock.now() - at, failure });
      })
      .finally(() => this.#running.delete(one));
    this.#running.add(one);
  }
}
