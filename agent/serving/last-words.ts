/** What of an app's output tells a person why it failed. Pure. */

const LINES = 30;
/** How many lines of the first cause are kept, in a chain of exceptions that is longer than that. */
const CAUSE = 4;

/** Escape sequences of terminals (ECMA-48): colours above all. */
// biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is looked for
const ESCAPES = /\u001b(?:\[[0-?]*[ -/]*[@-~]|\][^\u0007\u001b]*(?:\u0007|\u001b\\)?|[@-Z\\-_])/g;

const plain = (line: string): string => line.replace(ESCAPES, "");

const TRACEBACK = "Traceback (most recent call last):";
/** What Python says between two exceptions of which one led to the other. */
const LINK =
  /^(During handling of the above exception, another exception occurred|The above exception was the direct cause of the following exception):$/;

const isTraceback = (line: string): boolean => line.endsWith(TRACEBACK);

/**
 * What an app said last, ending with a whole exception where it was cut off within one. Of a chain of exceptions that is
 * too long, the first cause is kept besides the end.
 */
export function lastWords(said: readonly string[]): string[] {
  const lines = withoutHalt(said.map(plain));
  return shortened(wholeTracebacks(lines));
}

/**
 * When two of its workers die at once, gunicorn ends with a traceback of its own that is longer than theirs and says
 * nothing.
 */
function withoutHalt(lines: string[]): string[] {
  const end = lines.findLastIndex((line) => line.startsWith("gunicorn.errors.HaltServer"));
  const begin = lines.slice(0, end + 1).findLastIndex((line) => line.startsWith("Traceback ("));
  return begin < 0 ? lines : lines.toSpliced(begin, end - begin + 1);
}

/** An app that is asked again and again may be in the middle of saying once more what it said before. */
function wholeTracebacks(lines: string[]): string[] {
  const last = lines.findLastIndex(isTraceback);
  if (last < 0 || exceptionOf(lines, last) !== undefined) return lines;
  const begin = chainOf(lines, last);
  return lines.slice(0, begin).some(isTraceback) ? lines.slice(0, begin) : lines;
}

/** Index of the line that names the exception of the traceback that begins here. */
function exceptionOf(lines: readonly string[], begin: number): number | undefined {
  const at = lines.findIndex((line, i) => i > begin && !/^(\s|$)/.test(line));
  return at < 0 || isTraceback(lines[at] ?? "") || LINK.test(lines[at] ?? "") ? undefined : at;
}

/** Index of the traceback with which the chain that this one belongs to begins. */
function chainOf(lines: readonly string[], traceback: number): number {
  const link = lines.slice(0, traceback).findLastIndex((line) => line !== "");
  if (!LINK.test(lines[link] ?? "")) return traceback;
  const before = lines.slice(0, link).findLastIndex(isTraceback);
  return before < 0 ? traceback : chainOf(lines, before);
}

function shortened(lines: string[]): string[] {
  if (lines.length <= LINES) return lines;
  const last = lines.findLastIndex(isTraceback);
  const first = last < 0 ? -1 : chainOf(lines, last);
  const cause = first < 0 || first === last ? undefined : exceptionOf(lines, first);
  const end = lines.slice(-(LINES - CAUSE - 1));
  if (cause === undefined || cause >= lines.length - LINES) return lines.slice(-LINES);
  const left = lines.length - end.length - cause - 1;
  return [...lines.slice(Math.max(first, cause - CAUSE + 1), cause + 1), `… ${left} more lines …`, ...end];
}

/** Headers of commands in the output of prepareScript; those that failed side by side say how they ended. */
const COMMAND = /^\+ /;
const ENDED = /^\+ .* \(ended with \d+\)$/;
const TOOK = /^= (\d+\.\d{3}) s: (.*)$/;

/** The command that failed, or those that failed side by side, and the end of what each said. */
export function failedCommands(said: readonly string[]): string[] {
  const lines = said.map(plain).filter((line) => !TOOK.test(line) && !SEEN.test(line));
  const headers = lines.flatMap((line, i) => (COMMAND.test(line) ? [i] : []));
  const last = headers.at(-1);
  if (last === undefined) return lastWords(lines);
  const whole = headers.findLastIndex((at) => !ENDED.test(lines[at] ?? ""));
  const failed = whole === headers.length - 1 ? [last] : headers.slice(whole + 1);
  const share = Math.max(5, Math.floor(LINES / failed.length));
  return failed.flatMap((at, i) => {
    const words = lastWords(lines.slice(at + 1, failed[i + 1]));
    return [lines[at] ?? "", ...(failed.length === 1 ? words : words.slice(-share))];
  });
}

/** How long each command of before_start took, in seconds, in the order in which they ended. */
export function timesOf(lines: readonly string[]): { command: string; seconds: number }[] {
  return lines.flatMap((line) => {
    const [, seconds, command] = TOOK.exec(line) ?? [];
    return command === undefined ? [] : [{ command, seconds: Number(seconds) }];
  });
}

const SEEN = /^@ (\d+) (\d+ \d+)$/;

/**
 * Of a script that watched (prepareScript), the steps up to the last that wrote something.
 * @param steps that it had. @returns how many, and what they took, in seconds; undefined when it did not say so of each.
 */
export function writersOf(
  lines: readonly string[],
  steps: number,
): { steps: number; seconds: number } | undefined {
  const seen = lines.flatMap((line) => {
    const [, ms, sum] = SEEN.exec(line) ?? [];
    return ms === undefined ? [] : [{ ms: Number(ms), sum }];
  });
  if (seen.length !== steps + 1) return undefined;
  const last = seen.findLastIndex(({ sum }, i) => i > 0 && sum !== seen[i - 1]?.sum);
  return { steps: Math.max(last, 0), seconds: (seen[last]?.ms ?? 0) / 1000 };
}

const NO_FILE = /unable to open database file|attempt to write a readonly database/;
const NOT_ALLOWED = /\b(EACCES|EROFS)\b|Permission denied|Read-only file system/;

const NO_ZONE =
  /Incorrect timezone setting: (\S+)|ZoneInfoNotFoundError: .*?No time zone found with key (\S+?)'?$/;

/** What to do about a failure that the app's own words tell; undefined where they do not. */
export function adviceOn(lines: readonly string[]): string | undefined {
  for (const line of lines) {
    const [, setting, key] = NO_ZONE.exec(line) ?? [];
    const zone = setting ?? key;
    if (zone !== undefined) {
      return `Debian keeps old names of time zones like ${zone} in a package of their own: use today's name, or set [image] packages = ["tzdata-legacy"]`;
    }
  }
  const database = lines.some((line) => NO_FILE.test(line));
  if (!database && !lines.some((line) => NOT_ALLOWED.test(line))) return undefined;
  return `an app can write in $STATE_DIRECTORY alone, which goes with the instance: name ${database ? "the database" : "what it writes"} there, for example by [app.env] ${database ? 'DATABASE_URL = "sqlite:///$STATE_DIRECTORY/db.sqlite3"' : 'MEDIA_ROOT = "$STATE_DIRECTORY/media"'} and a line of the settings that reads it`;
}
