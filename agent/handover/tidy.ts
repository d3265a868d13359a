import { isNewer } from "../ownership/newer.ts";
import type { Fleet } from "../ports/fleet.ts";
import type { Peers } from "../ports/peers.ts";

export interface TidyContext {
  me: { instance: string; launched: Date; onDemand: boolean };
  peers: Peers;
  fleet: Fleet;
  /** Whether a hand-over is near or a deploy is under way; then a fleet larger than one is wanted. */
  handingOver(): Promise<boolean>;
  /** Whether site.json still has it that this instance owns the site. */
  owns(): Promise<boolean>;
  /** Seconds since this instance took the site over. */
  ownedSeconds(): number;
  /** Seconds an older instance may still forward, `[dns] drain`. */
  drain: number;
}

/** Seconds on top of the drain: the old instance notices its replacement within 10 s. */
const MARGIN = 30;

/**
 * What the owner does when a hand-over is behind it: the fleet's target back to one, an end to bridging unless the owner
 * itself bridges (the fleet keeps trying for a spot instance, which will take over), and older instances that were left
 * running are ended. In that order, and the target change never ends an instance, so the owner itself is safe. Younger
 * instances are left alone: they are about to take over. Safe to repeat.
 * @returns what was done, a line each.
 */
export async function tidy(context: TidyContext): Promise<string[]> {
  const { me, peers, fleet } = context;
  if (await context.handingOver()) return [];
  const others = (await peers.all()).filter((p) => p.alive && p.instance !== me.instance);
  if (others.some((p) => isNewer(p, me))) return [];
  const done: string[] = [];
  const target = await fleet.target();
  // Asked again: a deploy may have raised the target while we looked.
  if (target.total > 1 && !(await context.handingOver())) {
    await fleet.setTotal(1);
    done.push("the fleet's target is 1 again");
  }
  if (target.bridge === 1 && !me.onDemand) {
    await fleet.setBridge(0);
    done.push("no instance bridges any more");
  }
  if (context.ownedSeconds() < context.drain + MARGIN) return done;
  // An older one that took this one for gone has the site by now, and this one has not heard of it yet.
  if (others.length > 0 && !(await context.owns())) return done;
  for (const old of others) {
    await fleet.terminate(old.instance);
    done.push(`terminated ${old.instance}, which no longer owns the site`);
  }
  return done;
}
