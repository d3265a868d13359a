import type { Peers } from "../ports/peers.ts";
import type { Clock } from "../site/clock.ts";

/** Seconds between two questions for an instance that EC2 does not show as running. */
export const ASK_AGAIN_SECONDS = 10;

/** EC2's last words about an instance: nothing comes after them but `terminated`, and then silence. */
export const isOver = (state: string | undefined): boolean =>
  state === "terminated" || state === "shutting-down";

/**
 * Whether an instance is gone. EC2's API is eventually consistent: one answer may not know an instance that runs, or
 * show it as it was before it was started. So what EC2 says has ended has ended, and anything else that is not alive
 * must be answered twice.
 * @throws what `peers` throws, and the signal's reason.
 */
export async function isGone(
  peers: Pick<Peers, "find">,
  instance: string,
  clock: Clock,
  signal?: AbortSignal,
): Promise<boolean> {
  const first = await peers.find(instance);
  if (isOver(first?.state)) return true;
  if (first?.alive) return false;
  await clock.sleep(ASK_AGAIN_SECONDS * 1000, signal);
  return (await peers.find(instance))?.alive !== true;
}
