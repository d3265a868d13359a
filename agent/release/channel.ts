/** Which release an instance runs, and how `channel.json` changes with what became of it. Pure. */
import type { Channel } from "../site/records.ts";
import { MAX_ATTEMPTS, QUARANTINED_KEPT } from "../site/release.ts";

export type Role = "candidate" | "current" | "lastKnownGood" | "previous";
export interface Choice {
  id: string;
  role: Role;
}

type Fields = Omit<Channel, "nonce">;

/**
 * The release to try now: the candidate first, then what served before.
 * @param failed releases that could not be served in this boot.
 */
export function choose(channel: Channel, failed: ReadonlySet<string>): Choice | undefined {
  const bad = new Set([...failed, ...channel.quarantined.map((q) => q.id)]);
  const { candidate } = channel;
  const order: (Choice | undefined)[] = [
    candidate && candidate.attempts.length < MAX_ATTEMPTS
      ? { id: candidate.id, role: "candidate" }
      : undefined,
    ...(["current", "lastKnownGood", "previous"] as const).map((role) => {
      const id = channel[role];
      return id === undefined ? undefined : { id, role };
    }),
  ];
  return order.find((choice): choice is Choice => choice !== undefined && !bad.has(choice.id));
}

/** A boot is about to unpack and run the candidate: noted first, so that a crash counts. */
export function beginAttempt(channel: Channel, id: string, instance: string, at: string): Fields | undefined {
  const { candidate } = channel;
  if (candidate?.id !== id) return undefined;
  return { ...channel, candidate: { id, attempts: [...candidate.attempts, { instance, at }] } };
}

/** The attempt ended for a reason that is not the release's: it does not count. */
export function withdrawAttempt(
  channel: Channel,
  id: string,
  instance: string,
  at: string,
): Fields | undefined {
  const { candidate } = channel;
  if (candidate?.id !== id) return undefined;
  const attempts = candidate.attempts.filter((a) => a.instance !== instance || a.at !== at);
  return attempts.length === candidate.attempts.length
    ? undefined
    : { ...channel, candidate: { id, attempts } };
}

/** A candidate whose attempts are spent is out. */
export function quarantineSpent(channel: Channel, reason: string, at: string): Fields | undefined {
  const { candidate, ...rest } = channel;
  if (candidate === undefined || candidate.attempts.length < MAX_ATTEMPTS) return undefined;
  return { ...rest, quarantined: withOneMore(channel, { id: candidate.id, at, reason }) };
}

/** A candidate that failed where a single failure is enough is out. */
export function quarantine(channel: Channel, id: string, reason: string, at: string): Fields | undefined {
  const { candidate, ...rest } = channel;
  if (candidate?.id !== id) return undefined;
  return { ...rest, quarantined: withOneMore(channel, { id, at, reason }) };
}

const withOneMore = (channel: Channel, bad: Channel["quarantined"][number]): Channel["quarantined"] =>
  [...channel.quarantined, bad].slice(-QUARANTINED_KEPT);

/** The candidate answered 200 as the site: it is current. */
export function promote(channel: Channel, id: string): Fields | undefined {
  const { candidate, ...rest } = channel;
  if (candidate?.id !== id) return undefined;
  const previous = channel.current === id ? channel.previous : channel.current;
  return { ...rest, current: id, ...(previous === undefined ? {} : { previous }) };
}

/** The current release served through its soak. */
export function markGood(channel: Channel, id: string): Fields | undefined {
  if (channel.current !== id || channel.lastKnownGood === id) return undefined;
  return { ...channel, lastKnownGood: id };
}
