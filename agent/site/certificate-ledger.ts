/**
 * What may be asked of a certificate authority, and when (DESIGN §10). Pure: attempts and a time in, an answer out.
 *
 * The ledger is all there is to go by: the list of an account's orders (RFC 8555, section 7.1.2.1) is not to be had of
 * Let's Encrypt (Boulder, docs/acme-divergences.md, section 7.1.2), whose limit counts other accounts' orders as well.
 */
import type { Attempt } from "./certificates.ts";

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;

/** Let's Encrypt allows 5 certificates per exact set of names in 7 days, with no override; one stays unused. */
export const ISSUANCES_PER_WEEK = 4;
export const WEEK = 7 * DAY;
/** Let's Encrypt allows 5 failed validations per name, account and hour. */
export const ATTEMPTS_PER_HOUR = 3;
/** Pause after the first, second, … failure in a row; the last one repeats. */
export const BACK_OFF = [MINUTE, 5 * MINUTE, 15 * MINUTE, HOUR, 6 * HOUR, DAY] as const;
/** An attempt that has not ended by then is taken for dead. Longer than the ACME client is let run. */
export const LEASE = 7 * MINUTE;

export type Reason = "ordering" | "asked-to-wait" | "backing-off" | "attempts" | "issuances";
export type Answer = { may: true } | { may: false; reason: Reason; until: Date };

/** For a person; "until …" follows. */
export const refusals: Record<Reason, string> = {
  ordering: "another instance is ordering a certificate",
  "asked-to-wait": "the certificate authority asked for no further requests",
  "backing-off": "after failed attempts to order a certificate, no other is made",
  attempts: "3 attempts to order a certificate were made within an hour, so no other is made",
  issuances: "the 4 certificates of 7 days are used up, so none is ordered",
};

const when = (iso: string): number => Date.parse(iso);

/** Whether an attempt may have used up one of the CA's issuances, for all anybody knows. */
const possibleIssuance = (a: Attempt): boolean =>
  a.outcome === undefined || a.outcome === "issued" || a.outcome === "unknown";

/** Whether the CA was asked, for all anybody knows. */
const asked = (a: Attempt): boolean => a.outcome !== "unneeded";

/** The attempt that holds the right to order now: no outcome yet and its lease not over. */
export function running(attempts: readonly Attempt[], now: Date): Attempt | undefined {
  return attempts.find((a) => a.outcome === undefined && when(a.lease) > now.getTime());
}

/** Whether another attempt may begin now. Of several obstacles, the one that lasts longest. */
export function mayOrder(attempts: readonly Attempt[], now: Date): Answer {
  const obstacles = [
    lease(attempts, now),
    askedToWait(attempts),
    backOff(attempts),
    window(attempts.filter(asked), ATTEMPTS_PER_HOUR, HOUR, "attempts"),
    window(attempts.filter(possibleIssuance), ISSUANCES_PER_WEEK, WEEK, "issuances"),
  ].filter((o) => o !== undefined && o.until.getTime() > now.getTime());
  const longest = obstacles.sort((a, b) => (b?.until.getTime() ?? 0) - (a?.until.getTime() ?? 0))[0];
  return longest === undefined ? { may: true } : { may: false, ...longest };
}

type Obstacle = { reason: Reason; until: Date };

function lease(attempts: readonly Attempt[], now: Date): Obstacle | undefined {
  const holder = running(attempts, now);
  return holder && { reason: "ordering", until: new Date(when(holder.lease)) };
}

function askedToWait(attempts: readonly Attempt[]): Obstacle | undefined {
  const times = attempts.flatMap((a) => (a.retryAt === undefined ? [] : [when(a.retryAt)]));
  return times.length === 0 ? undefined : { reason: "asked-to-wait", until: new Date(Math.max(...times)) };
}

function backOff(attempts: readonly Attempt[]): Obstacle | undefined {
  const sorted = attempts.filter(asked).sort((a, b) => when(a.at) - when(b.at));
  const failures = sorted.length - 1 - sorted.findLastIndex((a) => a.outcome === "issued");
  const last = sorted.at(-1);
  if (failures === 0 || last === undefined) return undefined;
  const pause = BACK_OFF[Math.min(failures, BACK_OFF.length) - 1] ?? DAY;
  return { reason: "backing-off", until: new Date(when(last.ended ?? last.at) + pause) };
}

/** At most `most` of these in any span of `span` ms. */
function window(
  attempts: readonly Attempt[],
  most: number,
  span: number,
  reason: Reason,
): Obstacle | undefined {
  const oldestThatCounts = attempts
    .map((a) => when(a.at))
    .sort((a, b) => a - b)
    .at(-most);
  return oldestThatCounts === undefined ? undefined : { reason, until: new Date(oldestThatCounts + span) };
}

/** "3 of 4 left, next back in 34 h". */
export interface Budget {
  issuances: { left: number; of: number; nextBack: Date | undefined };
  attempts: { left: number; of: number; nextBack: Date | undefined };
}

export function budget(attempts: readonly Attempt[], now: Date): Budget {
  const count = (relevant: readonly Attempt[], of: number, span: number) => {
    const inside = relevant.map((a) => when(a.at) + span).filter((t) => t > now.getTime());
    const nextBack = inside.length === 0 ? undefined : new Date(Math.min(...inside));
    return { left: Math.max(0, of - inside.length), of, nextBack };
  };
  return {
    issuances: count(attempts.filter(possibleIssuance), ISSUANCES_PER_WEEK, WEEK),
    attempts: count(attempts.filter(asked), ATTEMPTS_PER_HOUR, HOUR),
  };
}

/** Drops what no rule looks at any more, but keeps enough for a person to see the history. */
export function prune(attempts: readonly Attempt[], now: Date): Attempt[] {
  const cutoff = now.getTime() - WEEK - DAY;
  const recent = attempts.filter((a) => when(a.at) > cutoff);
  return recent.length >= 50 ? recent : attempts.slice(-50);
}
