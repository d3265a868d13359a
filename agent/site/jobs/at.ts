/** `[schedule.NAME] at`: a calendar expression as systemd.time(7) has them, or a line of a crontab. Pure. */
import type { Complaint } from "../config/text.ts";
import { AtError } from "./at-error.ts";
import { type Calendar, LAST_YEAR, nextTime, type Span } from "./calendar.ts";
import { readCron } from "./cron.ts";

const WEEKDAYS = ["monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"];
const ALL_WEEKDAYS = [1, 2, 3, 4, 5, 6, 7];
const SHORT: Readonly<Record<string, string>> = {
  minutely: "*-*-* *:*:00",
  hourly: "*-*-* *:00:00",
  daily: "*-*-* 00:00:00",
  weekly: "Mon *-*-* 00:00:00",
  monthly: "*-*-01 00:00:00",
  quarterly: "*-01,04,07,10-01 00:00:00",
  semiannually: "*-01,07-01 00:00:00",
  yearly: "*-01-01 00:00:00",
  annually: "*-01-01 00:00:00",
};

/** What is wrong with it; undefined: nothing. */
export function complainAboutAt(text: string): Complaint | undefined {
  try {
    const calendar = readAt(text);
    return nextTime(calendar, "UTC", 0) === undefined ? { message: "is no day of any year" } : undefined;
  } catch (error) {
    if (!(error instanceof AtError)) throw error;
    return { message: error.message, hint: error.hint };
  }
}

/** @throws AtError */
export function readAt(text: string): Calendar {
  const words = text.trim().split(/\s+/);
  if (words[0]?.startsWith("@") || words.length >= 5) return readCron(text);
  const whole = words.length === 1 ? SHORT[words[0]?.toLowerCase() ?? ""] : undefined;
  return readCalendar(whole?.split(" ") ?? words);
}

function readCalendar(words: readonly string[]): Calendar {
  const rest = [...words];
  const weekdays = /^[a-z]/i.test(rest[0] ?? "") ? readWeekdays(rest.shift() ?? "") : ALL_WEEKDAYS;
  const date = rest[0]?.includes(":") ? undefined : rest.shift();
  const time = rest.shift();
  if (rest.length > 0 || (time !== undefined && !time.includes(":"))) {
    const word = rest[0] ?? time ?? "";
    const hint = /^[A-Za-z]/.test(word) ? `write zone = ${JSON.stringify(word)} beside it` : EXAMPLES;
    throw new AtError(`has ${JSON.stringify(word)} where nothing more is expected`, hint);
  }
  return { ...readDate(date ?? "*-*-*"), ...readTime(time ?? "00:00:00"), weekdays, either: false };
}

const EXAMPLES = 'like "*-*-* 03:15", "Mon..Fri 08:00", "hourly", or "15 3 * * *"';

function readWeekdays(text: string): number[] {
  const day = (name: string): number => {
    const at = WEEKDAYS.findIndex(
      (one) => one === name.toLowerCase() || one.slice(0, 3) === name.toLowerCase(),
    );
    if (at < 0) throw new AtError(`${JSON.stringify(name)} is no day of the week`, EXAMPLES);
    return at + 1;
  };
  const found = text
    .replace(/,$/, "")
    .split(",")
    .flatMap((part) => {
      const [from = "", to = from] = part.split(/\.\.|-/, 2);
      const [first, last] = [day(from), day(to)];
      if (last < first)
        throw new AtError(`${JSON.stringify(part)} goes backwards`, "weeks begin with Monday");
      return ALL_WEEKDAYS.slice(first - 1, last);
    });
  return [...new Set(found)].sort((a, b) => a - b);
}

function readDate(text: string): Pick<Calendar, "years" | "months" | "days" | "fromEnd"> {
  const found = /^(?:([^-~]+)-)?([^-~]+)([-~])([^-~]+)$/.exec(text);
  if (found === null) throw new AtError(`${JSON.stringify(text)} is no date`, EXAMPLES);
  const [, year = "*", month = "", sign = "-", day = ""] = found;
  const fromEnd = sign === "~";
  const full = year.replace(/(?<![\d/])\d+/g, (n) =>
    n.length > 2 ? n : String(Number(n) + (Number(n) < 70 ? 2000 : 1900)),
  );
  return {
    years: spans("year", full, 1970, LAST_YEAR),
    months: numbers("month", month, 1, 12),
    days: spans("day", day, 1, fromEnd ? 28 : 31, fromEnd),
    fromEnd,
  };
}

function readTime(text: string): Pick<Calendar, "hours" | "minutes" | "second"> {
  const [hour = "", minute = "", second = "0", ...more] = text.split(":");
  if (more.length > 0) throw new AtError(`${JSON.stringify(text)} is no time`, EXAMPLES);
  if (!/^\d\d?$/.test(second) || Number(second) > 59) {
    const hint = "a job is due once a minute at most; its second is one number from 0 to 59";
    throw new AtError(`the second ${JSON.stringify(second)} cannot be used`, hint);
  }
  return {
    hours: numbers("hour", hour, 0, 23),
    minutes: numbers("minute", minute, 0, 59),
    second: Number(second),
  };
}

const numbers = (what: string, text: string, least: number, most: number): number[] => {
  const all = spans(what, text, least, most).flatMap(({ from, to, step }) =>
    Array.from({ length: Math.floor((to - from) / step) + 1 }, (_, i) => from + i * step),
  );
  return [...new Set(all)].sort((a, b) => a - b);
};

/** @param fromEnd counted back: then one that is repeated without an end goes on to what is counted from. */
function spans(what: string, text: string, least: number, most: number, fromEnd = false): Span[] {
  const end = fromEnd ? Number.POSITIVE_INFINITY : most;
  return text.split(",").map((part): Span => {
    const found = /^(?:\*|(\d+)(?:\.\.(\d+))?)(?:\/(\d+))?$/.exec(part);
    if (found === null || (part === "*" && text !== "*")) {
      throw new AtError(
        `the ${what} ${JSON.stringify(part)} cannot be read`,
        `such as "*", "1", "1..5", "1,15" or "0/10"`,
      );
    }
    const [from = least, to, step] = found.slice(1).map((n) => (n === undefined ? undefined : Number(n)));
    for (const value of [from, to ?? from]) {
      if (value >= least && value <= most) continue;
      throw new AtError(`the ${what} ${value} is not from ${least} to ${most}`);
    }
    if (to !== undefined && to < from)
      throw new AtError(`the ${what} ${JSON.stringify(part)} goes backwards`);
    const second = step === undefined ? from : fromEnd && to === undefined ? from - step : from + step;
    if (step === 0 || second < least || second > (to ?? most)) {
      throw new AtError(`the ${what} ${JSON.stringify(part)} is never repeated`);
    }
    if (found[1] === undefined) return { from: least, to: most, step: step ?? 1 };
    return { from, to: to ?? (step === undefined ? from : end), step: step ?? 1 };
  });
}
