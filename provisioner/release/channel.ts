/**
 * How the operator's side changes `channel.json`. Pure: each function returns the new fields, or undefined when
 * nothing is to be changed, as `updateDocument` wants it. What an instance makes of the channel (attempts,
 * promotion, quarantine after failed boots) is in agent/release/channel.ts.
 */
import { EverspotError } from "../../agent/site/errors.ts";
import type { Channel } from "../../agent/site/records.ts";
import { QUARANTINED_KEPT } from "../../agent/site/release.ts";

export type ChannelFields = Omit<Channel, "nonce">;

export const emptyChannel: ChannelFields = { version: 1, counter: 0, quarantined: [] };

/** `r000012-1a2b3c4d`: sorts by counter, and tells two contents apart. */
export const releaseId = (counter: number, sha256: string): string =>
  `r${String(counter).padStart(6, "0")}-${sha256.slice(0, 8)}`;

export const counterOf = (id: string): number => Number(/^r(\d{6,})-/.exec(id)?.[1] ?? 0);

/** The number of the next release: nobody else gets it. */
export function reserveCounter(channel: Channel | undefined): ChannelFields {
  const before = channel ?? emptyChannel;
  return { ...before, counter: before.counter + 1 };
}

/**
 * The release is in the bucket as a whole: instances are to try it.
 * @throws EverspotError when a later one was published meanwhile.
 */
export function publishCandidate(channel: Channel | undefined, id: string): ChannelFields | undefined {
  const before = channel ?? emptyChannel;
  if (before.candidate?.id === id || before.current === id) return undefined;
  const later = [before.candidate?.id, before.current].find(
    (other) => other !== undefined && counterOf(other) > counterOf(id),
  );
  if (later !== undefined) {
    throw new EverspotError(`release ${later} was published while ${id} was uploaded`, {
      hint: "somebody else deployed at the same time; deploy again if yours is to follow",
    });
  }
  return { ...before, candidate: { id, attempts: [] } };
}

/**
 * A release is bad: nobody tries it again. If it serves already, what served before is current again.
 * @param at ISO 8601.
 */
export function quarantine(
  channel: Channel,
  id: string,
  reason: string,
  at: string,
): ChannelFields | undefined {
  if (channel.quarantined.some((q) => q.id === id)) return undefined;
  const { candidate, current, previous, lastKnownGood, ...rest } = channel;
  const [good, before] = [lastKnownGood, previous].map((other) => (other === id ? undefined : other));
  const now = current === id ? (good ?? before) : current;
  return {
    ...rest,
    ...(candidate === undefined || candidate.id === id ? {} : { candidate }),
    ...(now === undefined ? {} : { current: now }),
    ...(before === undefined || before === now ? {} : { previous: before }),
    ...(good === undefined ? {} : { lastKnownGood: good }),
    quarantined: [...channel.quarantined, { id, at, reason }].slice(-QUARANTINED_KEPT),
  };
}

/** A candidate is not to be tried after all, without blame: a deploy was called off. */
export function withdrawCandidate(channel: Channel, id: string): ChannelFields | undefined {
  const { candidate, ...rest } = channel;
  return candidate?.id === id ? rest : undefined;
}

/**
 * An earlier release goes through the same gate as a new one: it becomes the candidate.
 * @param id the release before the current one if not given.
 * @throws EverspotError when there is none, or it is current, or quarantined.
 */
export function rollBack(channel: Channel | undefined, id?: string): ChannelFields {
  if (channel?.current === undefined) {
    throw new EverspotError("no release serves the site yet, so there is none to go back to");
  }
  const to =
    id ?? [channel.previous, channel.lastKnownGood].find((r) => r !== undefined && r !== channel.current);
  if (to === undefined) {
    throw new EverspotError(`there is no release before ${channel.current}`, {
      hint: "name one: everspot releases lists them",
    });
  }
  if (to === channel.current) throw new EverspotError(`${to} is the current release already`);
  const bad = channel.quarantined.find((q) => q.id === to);
  if (bad !== undefined) {
    throw new EverspotError(`${to} is quarantined since ${bad.at}: ${bad.reason}`, {
      hint: "go back to another one (everspot releases), or deploy its content again as a new release",
    });
  }
  return { ...channel, candidate: { id: to, attempts: [] } };
}
