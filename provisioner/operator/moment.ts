/** Moments as a person writes and reads them, in the time zone of this computer. */
import { EverspotError, USAGE } from "../../agent/site/errors.ts";

const CLOCK = /^(\d{1,2}):(\d{2})(?::(\d{2}))?$/;
const DATE = /^(\d{4}-\d{2}-\d{2})(?:[T ](\d{1,2}:\d{2}(?::\d{2}(?:\.\d+)?)?) ?(Z|[+-]\d{2}:?\d{2})?)?$/;
const AGO = /^(\d{1,4})([smhd])$/;
const MS = { s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000 } as const;

/**
 * "10:30" (the last one that was), "2026-11-26 10:30", with or without a zone, or "15m" ago.
 * @throws EverspotError (exit code 2) for anything else, and for a moment to come.
 */
export function parseMoment(text: string, now: Date): Date {
  const found = read(text.trim(), now);
  if (found === undefined || Number.isNaN(found.getTime())) {
    throw new EverspotError(`${JSON.stringify(text)} is no moment`, {
      hint: 'like "10:30", "2026-11-26 10:30", "2026-11-26T10:30:00+01:00", or "15m" for so long ago',
      exitCode: USAGE,
    });
  }
  if (found > now) {
    throw new EverspotError(`${formatMoment(found)} is still to come`, { exitCode: USAGE });
  }
  return found;
}

function read(text: string, now: Date): Date | undefined {
  const ago = AGO.exec(text);
  if (ago !== null) return new Date(now.getTime() - Number(ago[1]) * MS[ago[2] as keyof typeof MS]);
  const clock = CLOCK.exec(text);
  if (clock !== null) {
    const [hours, minutes, seconds] = clock.slice(1).map((part) => Number(part ?? 0)) as [
      number,
      number,
      number,
    ];
    if (hours > 23 || minutes > 59 || seconds > 59) return undefined;
    const today = new Date(now);
    today.setHours(hours, minutes, seconds, 0);
    if (today > now) today.setDate(today.getDate() - 1);
    return today;
  }
  const date = DATE.exec(text);
  if (date === null) return undefined;
  const [, day, time = "00:00", zone = ""] = date;
  const padded = time.replace(/^(\d):/, "0$1:");
  return new Date(
    `${day}T${padded}${padded.length === 5 ? ":00" : ""}${zone.replace(/^([+-]\d{2})(\d{2})$/, "$1:$2")}`,
  );
}

/** "2026-11-26 10:30:00 +01:00". */
export function formatMoment(moment: Date): string {
  const two = (value: number) => String(value).padStart(2, "0");
  const offset = -moment.getTimezoneOffset();
  const zone = `${offset < 0 ? "-" : "+"}${two(Math.floor(Math.abs(offset) / 60))}:${two(Math.abs(offset) % 60)}`;
  const day = [moment.getFullYear(), two(moment.getMonth() + 1), two(moment.getDate())].join("-");
  const time = [moment.getHours(), moment.getMinutes(), moment.getSeconds()].map(two).join(":");
  return `${day} ${time} ${zone}`;
}
