/**
 * `replacements.json`: which instances of the site have given themselves up, and which starts of a release no
 * instance has seen the end of. Together they are held to a budget, so that no app can make the site launch machines
 * without end (DESIGN §7). Written only by compare-and-swap.
 */
import * as z from "zod/mini";
import type { DocumentType } from "./document.ts";
import { keys } from "./names.ts";

const time = z.iso.datetime();

export const replacements = z.strictObject({
  version: z.literal(1),
  nonce: z.string(),
  /** Instances that asked to be replaced, oldest first. */
  given: z.array(z.strictObject({ instance: z.string(), at: time, reason: z.string() })),
  /** A release about to run its own code; gone when that went well or failed in an orderly way. */
  starts: z.array(z.strictObject({ instance: z.string(), release: z.string(), at: time })),
});
export type Replacements = z.infer<typeof replacements>;
export const replacementsDocument: DocumentType<Replacements> = {
  key: keys.replacements,
  schema: replacements,
};

const HOUR = 3600_000;
const WINDOWS = [
  { most: 3, span: HOUR },
  { most: 6, span: 24 * HOUR },
] as const;
/** Entries kept for the history, at most. */
const KEPT = 50;

export type Budget = { spent: false; left: number } | { spent: true; until: Date };

/** Whether another machine may be spent now. Of two spent windows, the one that opens later. */
export function budgetOf(document: Replacements | undefined, now: Date): Budget {
  const times = [...(document?.given ?? []), ...(document?.starts ?? [])]
    .map(({ at }) => Date.parse(at))
    .sort((a, b) => a - b);
  let left: number = WINDOWS[1].most;
  let until = 0;
  for (const { most, span } of WINDOWS) {
    const inside = times.filter((at) => at > now.getTime() - span);
    left = Math.min(left, most - inside.length);
    const frees = inside.at(-most);
    if (frees !== undefined) until = Math.max(until, frees + span);
  }
  return left > 0 ? { spent: false, left } : { spent: true, until: new Date(until) };
}

type Fields = Omit<Replacements, "nonce">;
const fieldsOf = (document: Replacements | undefined): Fields => ({
  version: 1,
  given: document?.given ?? [],
  starts: document?.starts ?? [],
});

/** Undefined when the budget is spent, or when this instance has given itself up already. */
export function giveUp(
  document: Replacements | undefined,
  instance: string,
  reason: string,
  now: Date,
): Fields | undefined {
  const fields = fieldsOf(document);
  if (hasGivenUp(document, instance) || budgetOf(document, now).spent) return undefined;
  return { ...fields, given: [...fields.given, { instance, at: now.toISOString(), reason }].slice(-KEPT) };
}

export const hasGivenUp = (document: Replacements | undefined, instance: string): boolean =>
  document?.given.some((g) => g.instance === instance) ?? false;

/** A release is about to run its own code. The same start twice, after a lost reply, counts once. */
export function beginStart(
  document: Replacements | undefined,
  start: { instance: string; release: string },
  now: Date,
): Fields {
  const { starts, ...fields } = fieldsOf(document);
  const at = now.toISOString();
  const others = starts.filter((s) => s.instance !== start.instance || s.at !== at);
  return { ...fields, starts: [...others, { ...start, at }].slice(-KEPT) };
}

/** The start ended in an orderly way. Undefined when there is nothing to take back. */
export function endStart(
  document: Replacements | undefined,
  instance: string,
  at: string,
): Fields | undefined {
  const fields = fieldsOf(document);
  const starts = fields.starts.filter((s) => s.instance !== instance || s.at !== at);
  return starts.length === fields.starts.length ? undefined : { ...fields, starts };
}

/** How often a release was begun and not ended within the last hour: whatever ran it may have died of it. */
export const unendedStarts = (document: Replacements | undefined, release: string, now: Date): number =>
  (document?.starts ?? []).filter((s) => s.release === release && Date.parse(s.at) > now.getTime() - HOUR)
    .length;
