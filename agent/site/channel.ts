/**
 * `channel.json`: which release an instance is to run, and every way that changes (DESIGN §4, §9). Written only by
 * compare-and-swap, by both sides:
 *
 * | what happens | transition |
 * |---|---|
 * | a release is packed, then whole in the bucket | `reserveCounter`, `publishCandidate` |
 * | the operator goes back to an earlier one | `rollBack` |
 * | a deploy is called off; it fails and the release is to blame | `withdrawCandidate`; `quarantine` |
 * | an instance tries the candidate; the try failed for another reason | `beginAttempt`; `withdrawAttempt` |
 * | the candidate is to be tried with another configuration; with that of before after all | `reconfigure`; `unconfigure` |
 * | a try failed and no other is left; one try was enough | `quarantineSpent`; `quarantineCandidate` |
 * | a release serves the site; has served through its soak | `promote`; `markGood` |
 * | what serves fails before it ever was good | `demote` |
 *
 * A transition is pure. It returns the fields as they are to be, or undefined when nothing is to be changed, which
 * includes that it was made already: `updateDocument` may ask twice. A quarantined release has no part in the
 * channel besides; none is ever tried again, unless it serves all the same.
 *
 * A release may need the configuration that it came with. So a candidate says by which version of the launch template;
 * machines of an older one neither try nor condemn it.
 *
 * Instances and CLIs of before refuse fields they do not know, so version 2, which has `template` and `lines`, is
 * written only while one of them is set.
 */
import * as z from "zod/mini";
import type { DocumentType } from "./document.ts";
import { EverspotError } from "./errors.ts";
import { keys } from "./names.ts";
import { counterOf } from "./release.ts";

const time = z.iso.datetime();

/** A boot, or a swap in place, that is trying the candidate or died of it. */
const attempt = z.strictObject({ instance: z.string(), at: time });
export type Attempt = z.infer<typeof attempt>;

const candidate1 = z.strictObject({ id: z.string(), attempts: z.array(attempt) });
const quarantined1 = z.strictObject({ id: z.string(), at: time, reason: z.string() });

const version1 = z.strictObject({
  version: z.literal(1),
  nonce: z.string(),
  /** Grows by one at every published release; becomes the release's counter. */
  counter: z.int().check(z.nonnegative()),
  candidate: z.optional(candidate1),
  current: z.optional(z.string()),
  previous: z.optional(z.string()),
  lastKnownGood: z.optional(z.string()),
  /** Oldest first; the newest QUARANTINED_KEPT. */
  quarantined: z.array(quarantined1),
});

const version2 = z.extend(version1, {
  version: z.literal(2),
  candidate: z.optional(
    z.extend(candidate1, {
      /** Version of the launch template whose configuration it came with; the lowest that has it. */
      template: z.optional(z.int().check(z.positive())),
    }),
  ),
  quarantined: z.array(
    z.extend(quarantined1, {
      /** What it said last; of the newest LINES_KEPT. */
      lines: z.optional(z.array(z.string())),
    }),
  ),
});
export type Channel = Omit<z.infer<typeof version2>, "version"> & { version: 1 | 2 };

/** What comes out, and what is written, is of the lowest version that holds it. */
export const channel = z.pipe(
  z.discriminatedUnion("version", [version1, version2]),
  z.transform((read: Channel): Channel => {
    const newer =
      read.candidate?.template !== undefined || read.quarantined.some((q) => q.lines !== undefined);
    return { ...read, version: newer ? 2 : 1 };
  }),
);
export const channelDocument: DocumentType<Channel> = { key: keys.channel, schema: channel };

/** What a transition returns. */
export type ChannelFields = Omit<Channel, "nonce">;

/** Attempts that may fail with a candidate before it is quarantined. */
export const MAX_ATTEMPTS = 2;
/** One that is older than these is no candidate for anything. */
export const QUARANTINED_KEPT = 50;
export const LINES_KEPT = 3;
const MAX_LINES = 30;
/** Characters. */
const MAX_LINE = 300;

const emptyChannel: ChannelFields = { version: 1, counter: 0, quarantined: [] };

export const isQuarantined = ({ quarantined }: ChannelFields, id: string): boolean =>
  quarantined.some((bad) => bad.id === id);

/**
 * The candidate, as long as it may be tried.
 * @param template version of the launch template that the machine was launched by; undefined: one that no one holds
 * anything against.
 */
export const openCandidate = ({ candidate }: ChannelFields, template?: number): string | undefined =>
  candidate === undefined || isSpent(candidate) || isTooNew(candidate, template) ? undefined : candidate.id;

/** Whether the candidate came with a configuration that a machine of this version of the launch template has not. */
export const isTooNew = (candidate: ChannelFields["candidate"], template: number | undefined): boolean =>
  candidate?.template !== undefined && template !== undefined && template < candidate.template;

const isSpent = ({ attempts }: { attempts: readonly Attempt[] }): boolean => attempts.length >= MAX_ATTEMPTS;

/** The release to go back to from one that fails; undefined when there is none that may work. */
export function fallbackOf(channel: ChannelFields, failing: string): string | undefined {
  return [channel.lastKnownGood, channel.previous].find(
    (id) => id !== undefined && id !== failing && !isQuarantined(channel, id),
  );
}

/** Reserves the number of the next release for one caller. */
export function reserveCounter(channel: Channel | undefined): ChannelFields {
  const before = channel ?? emptyChannel;
  return { ...before, counter: before.counter + 1 };
}

/**
 * The release is in the bucket as a whole: instances are to try it.
 * @param template version of the launch template that it comes with, if only machines of that are to try it.
 * @throws EverspotError when a later one was published meanwhile.
 */
export function publishCandidate(
  channel: Channel | undefined,
  id: string,
  template?: number,
): ChannelFields | undefined {
  const before = channel ?? emptyChannel;
  if (before.candidate?.id === id || before.current === id || isQuarantined(before, id)) return undefined;
  const later = [before.candidate?.id, before.current].find(
    (other) => other !== undefined && counterOf(other) > counterOf(id),
  );
  if (later !== undefined) {
    throw new EverspotError(`release ${later} was published while ${id} was uploaded`, {
      hint: "someone else deployed at the same time; deploy again if yours is to follow",
    });
  }
  return { ...before, version: 2, candidate: { id, attempts: [], ...(template && { template }) } };
}

/** A candidate that is there already comes with this version of the launch template: it is tried again. */
export function reconfigure(channel: Channel, id: string, template: number): ChannelFields | undefined {
  const { candidate } = channel;
  if (candidate?.id !== id || (candidate.template ?? 0) >= template) return undefined;
  return { ...channel, version: 2, candidate: { id, attempts: [], template } };
}

/** The configuration that `reconfigure` spoke of will not be: the candidate comes with that of `before`. */
export function unconfigure(
  channel: Channel,
  id: string,
  template: number,
  before: number | undefined,
): ChannelFields | undefined {
  const { candidate } = channel;
  if (candidate?.id !== id || candidate.template !== template) return undefined;
  const { template: _, ...rest } = candidate;
  return { ...channel, version: 2, candidate: { ...rest, ...(before && { template: before }) } };
}

/** The release before the current one. @throws EverspotError when there is none. */
export function releaseBefore(channel: Channel | undefined): string {
  if (channel?.current === undefined) {
    throw new EverspotError("no release serves the site yet, so there is none to go back to");
  }
  const { current, previous, lastKnownGood } = channel;
  const id = [previous, lastKnownGood].find((other) => other !== undefined && other !== current);
  if (id !== undefined) return id;
  throw new EverspotError(`there is no release before ${current}`, {
    hint: "name one: `everspot releases` lists them",
  });
}

/**
 * An earlier release goes through the same gate as a new one: it becomes the candidate.
 * @throws EverspotError when it is current, or quarantined, or when nothing serves yet.
 */
export function rollBack(channel: Channel | undefined, id: string): ChannelFields | undefined {
  if (channel?.current === undefined) {
    throw new EverspotError("no release serves the site yet, so there is none to go back to");
  }
  if (channel.candidate?.id === id) return undefined;
  if (id === channel.current) throw new EverspotError(`${id} is the current release already`);
  const bad = channel.quarantined.find((q) => q.id === id);
  if (bad !== undefined) {
    throw new EverspotError(`${id} has been quarantined since ${bad.at}: ${bad.reason}`, {
      hint: "go back to another one (`everspot releases` lists them), or deploy its content again as a new release",
    });
  }
  return { ...channel, candidate: { id, attempts: [] } };
}

/** The candidate is not to be tried after all, without blame. */
export function withdrawCandidate(channel: Channel, id: string): ChannelFields | undefined {
  const { candidate, ...rest } = channel;
  return candidate?.id === id ? rest : undefined;
}

/** An instance is about to unpack and run the candidate: noted first, so that a crash counts. */
export function beginAttempt(channel: Channel, id: string, attempt: Attempt): ChannelFields | undefined {
  const { candidate } = channel;
  if (candidate?.id !== id || candidate.attempts.some((a) => isSame(a, attempt))) return undefined;
  return { ...channel, candidate: { ...candidate, attempts: [...candidate.attempts, attempt] } };
}

/** The attempt ended for a reason that is not the release's: it does not count. */
export function withdrawAttempt(channel: Channel, id: string, attempt: Attempt): ChannelFields | undefined {
  const { candidate } = channel;
  if (candidate?.id !== id) return undefined;
  const attempts = candidate.attempts.filter((a) => !isSame(a, attempt));
  if (attempts.length === candidate.attempts.length) return undefined;
  return { ...channel, candidate: { ...candidate, attempts } };
}

const isSame = (a: Attempt, b: Attempt): boolean => a.instance === b.instance && a.at === b.at;

/**
 * A release is bad: it is not tried again. If it is current, what served before is current again.
 * @param at ISO 8601. @param lines what it said last.
 */
export function quarantine(
  channel: Channel,
  id: string,
  reason: string,
  at: string,
  lines: readonly string[] = [],
): ChannelFields | undefined {
  const { candidate, current, previous, lastKnownGood, quarantined, ...rest } = channel;
  const known = isQuarantined(channel, id);
  if (known && ![candidate?.id, current, previous, lastKnownGood].includes(id)) return undefined;
  const [good, before] = [lastKnownGood, previous].map((other) => (other === id ? undefined : other));
  const now = current === id ? fallbackOf(channel, id) : current;
  return {
    ...rest,
    version: 2,
    candidate: candidate?.id === id ? undefined : candidate,
    current: now,
    previous: before === now ? undefined : before,
    lastKnownGood: good,
    quarantined: known ? quarantined : withOne(quarantined, { id, at, reason, ...saidLast(lines) }),
  };
}

type Quarantined = ChannelFields["quarantined"];

const withOne = (before: Quarantined, one: Quarantined[number]): Quarantined =>
  [...before, one]
    .slice(-QUARANTINED_KEPT)
    .map(({ lines, ...bad }, i, all) =>
      lines === undefined || i < all.length - LINES_KEPT ? bad : { ...bad, lines },
    );

const saidLast = (lines: readonly string[]) =>
  lines.length === 0 ? {} : { lines: lines.slice(-MAX_LINES).map((line) => line.slice(0, MAX_LINE)) };

/** A candidate that failed where a single failure is enough is bad; any other release is left alone. */
export const quarantineCandidate: typeof quarantine = (channel, id, ...why) =>
  channel.candidate?.id === id ? quarantine(channel, id, ...why) : undefined;

/** A candidate whose attempts are spent is bad. */
export function quarantineSpent(
  channel: Channel,
  ...why: [reason: string, at: string, lines?: readonly string[]]
): ChannelFields | undefined {
  const { candidate } = channel;
  return candidate !== undefined && isSpent(candidate)
    ? quarantine(channel, candidate.id, ...why)
    : undefined;
}

/** The current release proved bad after it was promoted. Undefined too when there is none to go back to. */
export const demote: typeof quarantine = (channel, id, reason, at) =>
  channel.current === id && fallbackOf(channel, id) !== undefined
    ? quarantine(channel, id, reason, at)
    : undefined;

/**
 * The candidate answered 200 as the site: it is current. So is any other release that serves, quarantined or without
 * a part in the channel, whatever another instance or a deploy that was called off thought of it. But one that served
 * before, and does because newer ones failed on one instance, does not replace them.
 */
export function promote(channel: Channel, id: string): ChannelFields | undefined {
  const { candidate, current, previous, quarantined, ...rest } = channel;
  const older = [current, previous, rest.lastKnownGood].includes(id);
  if (candidate?.id !== id && older && !isQuarantined(channel, id)) return undefined;
  const before = current === id ? previous : current;
  return {
    ...rest,
    candidate: candidate?.id === id ? undefined : candidate,
    current: id,
    previous: before,
    quarantined: quarantined.filter((bad) => bad.id !== id),
  };
}

/** The current release served through its soak. */
export function markGood(channel: Channel, id: string): ChannelFields | undefined {
  if (channel.current !== id || channel.lastKnownGood === id) return undefined;
  return { ...channel, lastKnownGood: id };
}
