import type { Clock } from "../site/clock.ts";
import type { WatchEvent } from "./events.ts";
import type { Watcher } from "./loop.ts";

/** Tells once that the app fails for this long, and again each time as much more has passed. Seconds. */
export const FAILING_SECONDS = 60;

/**
 * Asks the app over its own front door. A single failed answer means nothing; a minute of them does.
 * @param ask never throws.
 */
export function healthWatcher(ask: () => Promise<{ ok: boolean; seen: string }>, clock: Clock): Watcher {
  let failingSince: number | undefined;
  let reported = 0;
  return {
    name: "app",
    everySeconds: 10,
    async look(): Promise<WatchEvent[]> {
      const answer = await ask();
      const now = clock.now();
      if (answer.ok) {
        const seconds = failingSince === undefined ? 0 : Math.round((now - failingSince) / 1000);
        const recovered = reported > 0;
        failingSince = undefined;
        reported = 0;
        return recovered ? [{ kind: "app-recovered", seconds }] : [];
      }
      failingSince ??= now;
      const seconds = Math.round((now - failingSince) / 1000);
      if (seconds < FAILING_SECONDS * (reported + 1)) return [];
      reported++;
      return [{ kind: "app-failing", seconds, seen: answer.seen }];
    },
  };
}
