import type { StateKeeper } from "../ports/state.ts";
import type { Clock } from "../site/clock.ts";

const LOOK_MS = 100;
/** Seconds for which the bucket is waited for. */
const PATIENCE_SECONDS = 240;

/**
 * Waits until everything that was written before now is in the bucket, uploads too; or this instance keeps nothing any
 * more. @returns whether it is there.
 */
export async function shipped(state: Pick<StateKeeper, "status">, clock: Clock): Promise<boolean> {
  const since = clock.now();
  for (;;) {
    const status = await state.status();
    const waited = clock.now() - since;
    if (status?.state === "sealed") return true;
    if (status?.state === "fenced") return false;
    const { lag = Number.POSITIVE_INFINITY, uploadsLag = 0 } = status ?? {};
    if (Math.max(lag, uploadsLag) < waited) return true;
    if (waited > PATIENCE_SECONDS * 1000) return false;
    await clock.sleep(LOOK_MS);
  }
}
