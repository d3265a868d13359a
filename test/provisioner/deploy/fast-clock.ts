import { setTimeout as delay } from "node:timers/promises";
import type { Clock } from "../../../agent/site/clock.ts";

/** Real time, `speed` times as fast: everything that waits side by side keeps its order. */
export function fastClock(speed: number): Clock {
  const began = Date.now();
  return {
    now: () => began + (Date.now() - began) * speed,
    sleep: async (ms, signal) => {
      await delay(ms / speed, undefined, signal === undefined ? {} : { signal });
    },
  };
}
