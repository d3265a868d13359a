import { isNewer } from "../ownership/newer.ts";
import type { Fleet } from "../ports/fleet.ts";
import type { Peers } from "../ports/peers.ts";
import type { Clock } from "../site/clock.ts";

/** Seconds a fleet that rebalances by itself (launch-before-terminate) gets before we ask it for a second instance. */
const REBALANCE_SECONDS = 15;
/** Seconds for which EC2 must go on showing a replacement: one answer may show an instance that has just ended. */
const SHOWN_SECONDS = 10;
/** Seconds without a new instance, spot or not, after which an on-demand one bridges. */
export const BRIDGE_SECONDS = 45;

export interface ReplacementContext {
  me: { instance: string; launched: Date; onDemand: boolean };
  peers: Peers;
  fleet: Fleet;
  clock: Clock;
  /** Whether on-demand prices may be paid when there is no spot capacity. */
  bridge: boolean;
  /** Whether AWS knows that this instance is to go, so that the fleet may launch one by itself. */
  noticed: boolean;
  onProgress(what: string): void;
  signal: AbortSignal;
}

/**
 * Makes sure that a replacement is coming, and returns its instance id once EC2 has launched it. Safe to repeat:
 * an instance that is younger than this one counts, whoever asked for it.
 */
export async function ensureReplacement(context: ReplacementContext): Promise<string> {
  const { me, peers, fleet, clock, noticed, signal } = context;
  const started = clock.now();
  let asked = false;
  let bridged = false;
  let seen: { instance: string; since: number } | undefined;
  for (;;) {
    const younger = (await peers.all()).filter((p) => p.alive && isNewer(p, me));
    if (!younger.some((p) => p.instance === seen?.instance)) {
      const [next] = younger;
      seen = next && { instance: next.instance, since: clock.now() };
    }
    if (seen !== undefined && clock.now() - seen.since >= SHOWN_SECONDS * 1000) return seen.instance;
    const waited = (clock.now() - started) / 1000;
    // The targets are looked at each time: an answer may show what one was before it was last changed.
    const target = seen === undefined ? await fleet.target() : undefined;
    if (target !== undefined && (!noticed || waited >= REBALANCE_SECONDS)) {
      // One that bridges is no member of the fleet that is asked.
      const wanted = me.onDemand ? 1 : 2;
      if (target.total < wanted) await fleet.setTotal(wanted);
      if (!asked) context.onProgress("asked the fleet for a second instance");
      asked = true;
    }
    if (target !== undefined && context.bridge && waited >= BRIDGE_SECONDS) {
      if (target.bridge !== 1) await fleet.setBridge(1);
      if (!bridged) context.onProgress("no spot capacity: asked for an on-demand instance as a bridge");
      bridged = true;
    }
    await clock.sleep(5_000, signal);
  }
}
