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
 * @param template version of the launch template that the machine was launched by, where that is known.
 */
export function choose(channel: Channel, failed: ReadonlySet<string>, template?: number): Choice | undefined {
  const bad = new Set([...failed, ...channel.quarantined.map((q) => q.id)]);
  const { current, lastKnownGood, previous } = channel;
  const roles = { candidate: openCandidate(channel, template), current, lastKnownGood, previous };
  for (const role of ["candidate", "current", "lastKnownGood", "previous"] as const) {
    const id = roles[role];
    if (id !== undefined && !bad.has(id)) return { id, role };
  }
  return undefined;
}
