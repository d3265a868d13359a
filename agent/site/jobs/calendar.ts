/** When a job is due: what calendar expressions (at.ts) and lines of a crontab (cron.ts) both come to. Pure. */
import { instantOf, localTime } from "./zone.ts";

/** From one number to another, each `step`th of them. */
export interface Span {
  from: number;
  to: number;
  step: number;
}

/** Local time. */
export interface Calendar {
  years: readonly Span[];
  /** From 1 on, in order. */
  months: readonly number[];
  /** Days of the month. `fromEnd`: counted back from the last, which is 1. */
  days: readonly Span[];
  fromEnd: boolean;
  /** 1 is Monday, 7 Sunday. */
  weekdays: readonly number[];
  /** One of days and weekdays is enough; otherwise it must be both. */
  either: boolean;
  /** In order. */
  hours: readonly number[];
  minutes: readonly number[];
  second: number;
}

/** systemd looks no further, either. */
export const LAST_YEAR = 2199;
const DAY = 86_400_000;

/**
 * All times after one, in order; milliseconds since the epoch. Local times that there are twice, as summer time ends,
 * count once, and those that are left out as it begins do not count: systemd.time(7) has it so.
 */
export function* timesAfter(calendar: Calendar, zone: string, after: number): Generator<number> {
  const start = localTime(zone, after);
  const first = new Date(start);
  const [year0, month0] = [first.getUTCFullYear(), first.getUTCMonth() + 1];
  for (let year = year0; year <= LAST_YEAR; year++) {
    if (!calendar.years.some((span) => holds(span, year))) continue;
    for (const month of calendar.months) {
      if (year === year0 && month < month0) continue;
      const length = new Date(Date.UTC(year, month, 0)).getUTCDate();
      const same = year === year0 && month === month0;
      for (let day = same ? first.getUTCDate() : 1; day <= length; day++) {
        const midnight = Date.UTC(year, month - 1, day);
        if (isDay(calendar, day, length, midnight)) yield* timesOf(calendar, zone, midnight, start, after);
      }
    }
  }
}

/** The first of them; undefined: never. */
export const nextTime = (calendar: Calendar, zone: string, after: number): number | undefined =>
  timesAfter(calendar, zone, after).next().value ?? undefined;

/** How many times there are in a year that has any. */
export function timesAYear(calendar: Calendar): number {
  const days = calendar.months.flatMap((month) => {
    const length = new Date(Date.UTC(COMMON_YEAR, month, 0)).getUTCDate();
    const all = Array.from({ length }, (_, i) => i + 1);
    return all.filter((day) => isDay(calendar, day, length, Date.UTC(COMMON_YEAR, month - 1, day)));
  });
  return days.length * calendar.hours.length * calendar.minutes.length;
}

const COMMON_YEAR = 2027;

function* timesOf(
  { hours, minutes, second }: Calendar,
  zone: string,
  midnight: number,
  start: number,
  after: number,
): Generator<number> {
  for (const hour of hours) {
    for (const minute of minutes) {
      const local = midnight + ((hour * 60 + minute) * 60 + second) * 1000;
      if (local <= start) continue;
      const at = instantOf(zone, local);
      if (at !== undefined && at > after) yield at;
    }
  }
}

function isDay(
  { days, fromEnd, weekdays, either }: Calendar,
  day: number,
  length: number,
  midnight: number,
): boolean {
  const dated = days.some((span) => holds(fromEnd ? turned(span, length) : span, day));
  // The epoch began with a Thursday.
  const named = weekdays.includes(((Math.floor(midnight / DAY) + 3) % 7) + 1);
  return either ? dated || named : dated && named;
}

/** A span with a step goes on to the end of the month, from the day that it names. */
function turned({ from, to, step }: Span, length: number): Span {
  const [last, first] = [length + 1 - from, length + 1 - to];
  return to === Number.POSITIVE_INFINITY ? { from: last, to: length, step } : { from: first, to: last, step };
}

const holds = ({ from, to, step }: Span, value: number): boolean =>
  value >= from && value <= to && (value - from) % step === 0;
