/**
 * `alerts.json`: what is wrong with the site, for as long as it is. It outlives the instance that noticed it, so that a
 * person hears of it once and of its end once, however many instances follow one another meanwhile. Pure.
 */
import * as z from "zod/mini";
import type { DocumentType } from "../document.ts";
import { keys } from "../names.ts";

const time = z.iso.datetime();

const alert = z.strictObject({
  /** What kind of trouble: that of the notice which tells of it (agent/notify/notify.ts). */
  kind: z.string(),
  /** Which of several of a kind, such as a job's name. */
  about: z.optional(z.string()),
  /** One line for a person, as it was when it began. */
  text: z.string(),
  since: time,
  /** When it was last reported. */
  told: time,
  /** Whether it was reported this time; not at once if it had just been over. */
  said: z.boolean(),
  /** Undefined: it is so still. */
  over: z.optional(time),
});
export type Alert = z.infer<typeof alert>;

const alerts = z.strictObject({ version: z.literal(1), nonce: z.string(), alerts: z.array(alert) });
export type AlertList = z.infer<typeof alerts>;
export const alertsDocument: DocumentType<AlertList> = { key: keys.alerts, schema: alerts };

/** Milliseconds: what comes back so soon after a report is reported again only if it still lasts then. */
export const QUIET_MS = 3600_000;

/** What comes of a look: the list that is to be kept, and whether a report is due. Undefined: nothing changes. */
export interface Turn {
  alerts: Alert[];
  tell: boolean;
}

interface Which {
  kind: string;
  about?: string | undefined;
}

/** It is wrong. @param now milliseconds since the epoch. */
export function raised(list: readonly Alert[], which: Which, text: string, now: number): Turn | undefined {
  const before = list.find((a) => isSame(a, which));
  const open = before !== undefined && before.over === undefined;
  if (open && before.said) return undefined;
  const quiet = before !== undefined && now - Date.parse(before.told) < QUIET_MS;
  if (open && quiet) return undefined;
  const at = new Date(now).toISOString();
  const { kind, about } = which;
  const alert: Alert = {
    ...{ kind, ...(about !== undefined && { about }), text },
    since: open ? before.since : at,
    told: quiet ? before.told : at,
    said: !quiet,
  };
  return { alerts: [...others(list, which, now), alert], tell: !quiet };
}

/** It is not wrong, or not any more. */
export function cleared(list: readonly Alert[], which: Which, now: number): Turn | undefined {
  const before = list.find((a) => isSame(a, which));
  if (before === undefined || before.over !== undefined) return undefined;
  const alert: Alert = { ...before, over: new Date(now).toISOString() };
  return { alerts: [...others(list, which, now), alert], tell: before.said };
}

/** Those that are so now, the oldest first. */
export const openOnes = (list: readonly Alert[]): Alert[] => list.filter((a) => a.over === undefined);

/** What is over for long is forgotten. */
const others = (list: readonly Alert[], which: Which, now: number): Alert[] =>
  list.filter((a) => !isSame(a, which) && (a.over === undefined || now - Date.parse(a.told) < QUIET_MS));

const isSame = (a: Alert, { kind, about }: Which): boolean => a.kind === kind && a.about === about;
