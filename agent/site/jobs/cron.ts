/** The five fields of a crontab's line, crontab(5). Pure. */
import { AtError } from "./at-error.ts";
import { type Calendar, LAST_YEAR, type Span } from "./calendar.ts";

const MONTHS = ["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"];
const WEEKDAYS = ["sun", "mon", "tue", "wed", "thu", "fri", "sat"];
const SHORT: Readonly<Record<string, string>> = {
  "@hourly": "0 * * * *",
  "@daily": "0 0 * * *",
  "@midnight": "0 0 * * *",
  "@weekly": "0 0 * * 0",
  "@monthly": "0 0 1 * *",
  "@yearly": "0 0 1 1 *",
  "@annually": "0 0 1 1 *",
};

/** @throws AtError */
export function readCron(text: string): Calendar {
  const line = text.trim();
  const written = line.startsWith("@") ? SHORT[line.toLowerCase()] : line;
  if (written === undefined) {
    throw new AtError(`${JSON.stringify(line)} cannot be used`, `known are ${Object.keys(SHORT).join(", ")}`);
  }
  const [minute = "", hour = "", day = "", month = "", weekday = "", ...more] = written.split(/\s+/);
  if (more.length > 0) {
    const hint = "minute, hour, day, month and day of the week; the command stands in run";
    throw new AtError(`has ${5 + more.length} fields where a crontab has five`, hint);
  }
  const days = field("day", day, 1, 31);
  return {
    years: [{ from: 1970, to: LAST_YEAR, step: 1 }],
    months: field("month", month, 1, 12, MONTHS),
    days: days.map((one): Span => ({ from: one, to: one, step: 1 })),
    fromEnd: false,
    weekdays: [...new Set(field("day of the week", weekday, 0, 7, WEEKDAYS).map((n) => n || 7))],
    // "If both fields are restricted, the command will be run when either matches."
    either: !day.startsWith("*") && !weekday.startsWith("*"),
    hours: field("hour", hour, 0, 23),
    minutes: field("minute", minute, 0, 59),
    second: 0,
  };
}

function field(
  what: string,
  text: string,
  least: number,
  most: number,
  names: readonly string[] = [],
): number[] {
  const number = (word: string): number => {
    const named = names.indexOf(word.toLowerCase());
    const value = named < 0 ? Number(/^\d+$/.test(word) ? word : Number.NaN) : named + least;
    if (value >= least && value <= most) return value;
    throw new AtError(`the ${what} ${JSON.stringify(word)} is not from ${least} to ${most}`);
  };
  const found = text.split(",").flatMap((part) => {
    const [range = "", every, ...more] = part.split("/");
    const step = every === undefined ? 1 : Number(every);
    if (more.length > 0 || !(Number.isInteger(step) && step >= 1)) {
      throw new AtError(
        `the ${what} ${JSON.stringify(part)} cannot be read`,
        'such as "*", "5", "1-5" or "*/10"',
      );
    }
    const [low = "", high] = range.split("-", 2);
    const from = range === "*" ? least : number(low);
    const to = range === "*" || (high === undefined && every !== undefined) ? most : number(high ?? low);
    if (to < from) throw new AtError(`the ${what} ${JSON.stringify(part)} goes backwards`);
    return Array.from({ length: Math.floor((to - from) / step) + 1 }, (_, i) => from + i * step);
  });
  return [...new Set(found)].sort((a, b) => a - b);
}
