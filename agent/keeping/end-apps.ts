import type { Clock } from "../site/clock.ts";
import { APP_UNITS } from "../system/paths.ts";
import type { Units } from "../system/units.ts";

/** Seconds in which requests that run may end. */
const DRAIN_SECONDS = 2;
const STOP_SECONDS = 60;

/** Ends all of the site's own code: asked first, and after two seconds without asking. Nothing may start it meanwhile. */
export async function endApps(units: Units, clock: Clock): Promise<void> {
  const names = await units.list(APP_UNITS);
  if (names.length === 0) return;
  const over = new AbortController();
  const late = clock.sleep(DRAIN_SECONDS * 1000, over.signal).then(
    () => Promise.all(names.map((unit) => units.kill(unit))),
    () => undefined,
  );
  try {
    await Promise.all(names.map((unit) => units.stop(unit, STOP_SECONDS)));
  } finally {
    over.abort();
    await late;
  }
}
