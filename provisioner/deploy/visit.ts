import type { Clock } from "../../agent/site/clock.ts";
import { isAnswer, type Probe } from "../operator/probe.ts";

/** What came of requesting the site once a second. */
export interface Visits {
  total: number;
  failed: number;
  /** The last failure. */
  seen?: string;
}

const EVERY_MS = 1000;

/** Requests the site by name until `stop`, as a visitor outside would; never throws. */
export function visit(url: string, probe: Probe, clock: Clock): { stop(): Promise<Visits> } {
  const over = new AbortController();
  const visits: Visits = { total: 0, failed: 0 };
  const going = (async () => {
    while (!over.signal.aborted) {
      const seen = await probe(url);
      visits.total += 1;
      const failure = "error" in seen ? seen.error : isAnswer(seen) ? undefined : `HTTP ${seen.status}`;
      if (failure !== undefined) {
        visits.failed += 1;
        visits.seen = failure;
      }
      await clock.sleep(EVERY_MS, over.signal).catch(() => undefined);
    }
  })();
  return {
    stop: async () => {
      over.abort();
      await going;
      return visits;
    },
  };
}
