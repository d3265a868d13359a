import type { Channel } from "../site/records.ts";

/** The release to go back to from one that fails; undefined when there is none that may work. */
export function fallbackOf(channel: Channel | undefined, failing: string): string | undefined {
  const bad = new Set([failing, ...(channel?.quarantined.map((q) => q.id) ?? [])]);
  return [channel?.lastKnownGood, channel?.previous].find((id) => id !== undefined && !bad.has(id));
}

/** The current release proved bad after it was promoted. Undefined when something else is current by now. */
export function demote(
  channel: Channel,
  failing: string,
  fallback: string,
  reason: string,
  at: string,
): Omit<Channel, "nonce"> | undefined {
  if (channel.current !== failing) return undefined;
  const { previous, ...rest } = channel;
  return {
    ...rest,
    current: fallback,
    ...(previous === undefined || previous === fallback ? {} : { previous }),
    quarantined: [...channel.quarantined, { id: failing, at, reason }],
  };
}
