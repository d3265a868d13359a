/** Which release an instance runs. Pure. */
import { type Channel, openCandidate } from "../site/channel.ts";

export type Role = "candidate" | "current" | "lastKnownGood" | "previous";
export interface Choice {
  id: string;
  role: Role;
}

/**
 * The release to try now: the candidate first, then what served before.
 * @param failed releases that could not be served in this boot.
 */
export function choose(channel: Channel, failed: ReadonlySet<string>): Choice | undefined {
  const bad = new Set([...failed, ...channel.quarantined.map((q) => q.id)]);
  const { current, lastKnownGood, previous } = channel;
  const roles = { candidate: openCandidate(channel), current, lastKnownGood, previous };
  for (const role of ["candidate", "current", "lastKnownGood", "previous"] as const) {
    const id = roles[role];
    if (id !== undefined && !bad.has(id)) return { id, role };
  }
  return undefined;
}
