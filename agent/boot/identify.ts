import type { Logger } from "pino";
import type { Notify } from "../notify/notify.ts";
import type { Clock } from "../site/clock.ts";
import { messageOf } from "../site/errors.ts";
import { pauseAfter } from "./pauses.ts";

/**
 * Finds out which machine this is, which a boot must know before anything else, and tries until it succeeds.
 * @param read see settledIdentity. @throws only the signal's reason.
 */
export async function identify<T>(
  read: () => Promise<T>,
  { clock, notify, log }: { clock: Clock; notify: Notify; log: Logger },
  signal: AbortSignal,
): Promise<T> {
  for (let attempt = 1; ; attempt++) {
    try {
      return await read();
    } catch (error) {
      signal.throwIfAborted();
      void notify({
        kind: "boot-failed",
        text: `a boot of a new instance failed: identity: ${messageOf(error)}`,
      });
      const pause = pauseAfter(attempt);
      log.error({ step: "identity", attempt, pause }, `${messageOf(error)}: next try in ${pause} s`);
      await clock.sleep(pause * 1000, signal);
    }
  }
}
