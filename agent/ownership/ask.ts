import type { Clock } from "../site/clock.ts";
import type { SiteState } from "../site/documents/site-state.ts";
import type { ObjectStore } from "../site/store.ts";
import { LogLook } from "./log-look.ts";

const LOOK_MS = 50;

/**
 * Waits for the seal of the instance that had the site, which has been asked to look.
 * @param from a number of the log that was read while it had the site.
 * @param within seconds. @returns whether it came.
 */
export async function untilSealed(
  store: ObjectStore,
  { epoch }: Pick<SiteState, "epoch">,
  from: number,
  within: number,
  clock: Clock,
  signal: AbortSignal,
): Promise<boolean> {
  const log = new LogLook(store, from, epoch);
  const begun = clock.now();
  for (;;) {
    const seen = await log.look();
    if (seen.sealed || seen.epoch > epoch) return true;
    if (clock.now() - begun >= within * 1000) return false;
    await clock.sleep(LOOK_MS, signal);
  }
}
