import type { StateKeeper } from "../ports/state.ts";
import type { Watcher } from "./loop.ts";

/**
 * Notices that the shipper has met a later owner: an instance that was cut off, or asleep, while another took the site
 * over. Its app is held already, by the lease. Reported once for each epoch.
 */
export function fenceWatcher(state: Pick<StateKeeper, "status">): Watcher {
  let reported: number | undefined;
  return {
    name: "fence",
    everySeconds: 1,
    async look() {
      const status = await state.status();
      if (status?.state !== "fenced" || status.epoch === reported) return [];
      reported = status.epoch;
      return [{ kind: "fenced", epoch: status.epoch }];
    },
  };
}
