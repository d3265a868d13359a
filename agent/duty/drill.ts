import type { Logger } from "pino";
import type { StateKeeper } from "../ports/state.ts";
import type { Clock } from "../site/clock.ts";
import { messageOf } from "../site/errors.ts";
import { keys } from "../site/names.ts";
import { readJsonIfKnown } from "../site/read-json.ts";
import { type Drilled, drilled } from "../site/state/drilled.ts";
import type { ObjectStore } from "../site/store.ts";

/** The first look is long after the boot; and then so often. Seconds. */
const FIRST_SECONDS = 1_800;
const EVERY_SECONDS = 6 * 3_600;
const WEEK_MS = 7 * 86_400_000;

/**
 * Restores what the bucket has into a scratch folder, once a week whichever instance has the site, and writes down how that
 * ended: `status` tells. Until the signal.
 */
export async function drillWeekly(
  state: Pick<StateKeeper, "drill">,
  { store, instance }: { store: ObjectStore; instance: string },
  tell: (text: string) => void,
  clock: Clock,
  log: Pick<Logger, "warn">,
  signal: AbortSignal,
): Promise<void> {
  for (let pause = FIRST_SECONDS; ; pause = EVERY_SECONDS) {
    await clock.sleep(pause * 1000, signal);
    try {
      const last = await readJsonIfKnown(store, keys.stateDrill, drilled);
      if (last !== undefined && clock.now() - Date.parse(last.at) < WEEK_MS) continue;
      const done = await state.drill(signal);
      const at = new Date(clock.now()).toISOString();
      const found: Drilled = { version: 1, at, by: instance, ...done };
      await store.put(keys.stateDrill, JSON.stringify(found, null, 1));
      if (done.failures.length > 0)
        tell(`what the site has written cannot be restored whole: ${done.failures.join("; ")}`);
    } catch (error) {
      signal.throwIfAborted();
      log.warn(`the weekly drill of what the site has written: ${messageOf(error)}`);
    }
  }
}
