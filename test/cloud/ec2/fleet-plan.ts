import type { Market } from "./capacity.ts";

/** One instance of a fleet, as far as its size goes. */
export interface Member {
  id: string;
  market: Market;
  /** Still coming up? */
  pending: boolean;
  /** Launch time. */
  launched: number;
  /** Asked to rebalance, in a fleet that replaces such instances. */
  atRisk: boolean;
}

export interface FleetPlan {
  launch: number;
  /** To end now, because the fleet is larger than its target. */
  terminate: string[];
  /** At risk, and replaced by one that runs. */
  replaced: string[];
}

/**
 * What a maintain fleet does next in one market, given the members it counts on, oldest first.
 *
 * Too few: launch, counting no instance that is at risk; but never beyond twice the target (user guide, "Capacity
 * Rebalancing"). Too many: with `termination` the newest go, which may be the one just launched (AWS chooses by
 * price and capacity of the pools, so no caller may rely on which); with `no-termination` nothing happens, and an
 * instance that ends while the fleet is too large is not replaced.
 */
export function planFleet(
  target: number,
  members: readonly Member[],
  excess: "termination" | "no-termination",
): FleetPlan {
  const safe = members.filter((m) => !m.atRisk);
  const atRisk = members.filter((m) => m.atRisk);
  const missing = Math.max(0, target - safe.length);
  const room = Math.max(0, 2 * target - members.length);
  const newestFirst = safe.toReversed().sort((a, b) => b.launched - a.launched);
  const surplus = excess === "termination" ? Math.max(0, safe.length - target) : 0;
  const covered = safe.filter((m) => !m.pending).length >= target;
  return {
    launch: Math.min(missing, atRisk.length > 0 ? room : missing),
    terminate: newestFirst.slice(0, surplus).map((m) => m.id),
    replaced: covered ? atRisk.map((m) => m.id) : [],
  };
}
