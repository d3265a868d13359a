import type { Clock } from "../../agent/site/clock.ts";
import { poll } from "../../agent/site/poll.ts";
import { isAnswer, type Probe } from "./probe.ts";

/**
 * Waits until the site answers over HTTPS by name. To be called once its record is there: a resolver asked before
 * remembers for up to 15 minutes that the name does not exist (Route 53's SOA).
 * @returns the HTTP status. @throws EverspotError (retry) at the deadline, with what was seen last.
 */
export function waitUntilReachable(
  url: string,
  options: { probe: Probe; seconds: number; clock: Clock },
): Promise<number> {
  return poll(
    `${url} does not answer from here`,
    async () => {
      const seen = await options.probe(url);
      if ("error" in seen) return { waiting: seen.error };
      return isAnswer(seen) ? { done: seen.status } : { waiting: `HTTP ${seen.status}` };
    },
    {
      seconds: options.seconds,
      everySeconds: 1,
      clock: options.clock,
      hint: "the instance itself serves; if the name is not found, this computer's resolver may remember for up to 15 minutes that it did not exist",
    },
  );
}
