import type { Clock } from "../site/clock.ts";
import type { Follower } from "./follower.ts";

/** Milliseconds that commits are gathered for at most, and without a new one. */
const MOST = 12;
const QUIET = 3;

/**
 * Waits while commits keep coming, for a moment: what is gathered goes with one PUT instead of waiting for a second one.
 * Worth it when commits came while the entry before was on its way, for those that it has answered for write again.
 * @throws LostTrack
 */
export async function gather(follower: Follower, clock: Clock): Promise<void> {
  const begun = performance.now();
  for (let before = -1; follower.behind > before && performance.now() - begun < MOST; ) {
    before = follower.behind;
    await clock.sleep(QUIET);
    follower.look();
  }
}
