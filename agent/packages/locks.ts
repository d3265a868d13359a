/** apt and dpkg are one at a time on a machine, and Debian's own timers run them too (apt-daily, unattended-upgrades). */
import { type Clock, systemClock } from "../site/clock.ts";
import { EverspotError } from "../site/errors.ts";
import { poll } from "../site/poll.ts";

/** Seconds that another program may be at it: a machine that begins with an old image has a lot to upgrade. */
const SECONDS = 300;

/**
 * Runs apt or dpkg, and again as long as it did not begin because another program holds one of their locks. apt waits by
 * itself for dpkg's lock alone, and not for that of its lists.
 * @throws EverspotError when the other is not done in time; whatever else `work` throws.
 */
export const inTurn = <T>(
  work: () => Promise<T>,
  signal?: AbortSignal,
  clock: Clock = systemClock,
): Promise<T> =>
  poll(
    "the lock of apt and dpkg",
    async () => {
      try {
        return { done: await work() };
      } catch (error) {
        const holder = holderOf(error);
        if (holder === undefined) throw error;
        return { waiting: `held by ${holder}` };
      }
    },
    { seconds: SECONDS, everySeconds: 1, signal, clock },
  );

/**
 * "E: Could not get lock /var/lib/apt/lists/lock. It is held by process 123 (apt-get)", and of dpkg "dpkg: error: dpkg
 * frontend lock was locked by another process with pid 123".
 */
function holderOf(error: unknown): string | undefined {
  if (!(error instanceof EverspotError)) return undefined;
  const said = error.lines.join("\n");
  const [, name] = /Could not get lock \S+\. It is held by (process \d+ \(.*?\))/.exec(said) ?? [];
  if (name !== undefined) return name;
  return /Could not get lock |\block\b.*locked by/.test(said) ? "another program" : undefined;
}
