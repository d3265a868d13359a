import { fitted } from "./wrapped.ts";

/** What is being done, one thing at a time. */
export interface Progress {
  begin(what: string): void;
  /** `detail`: e.g. the id of what was made. */
  done(what: string, seconds: number, detail: string | undefined): void;
  failed(what: string, seconds: number): void;
}

/** Where a command reports what it does (stderr) and gives its result (stdout). */
export interface Terminal extends Progress {
  /** A line about what happens. */
  say(text: string): void;
  warn(text: string): void;
  /** A line of the result; nothing in JSON mode, where `json` gives it. */
  print(text: string): void;
  /** The result as one document, in JSON mode only. */
  json(value: unknown): void;
  /** Whether `json` gave it: there must not be two. */
  readonly answered: boolean;
  readonly style: Style;
  /** How wide a line of the result may be. */
  readonly columns: number;
  /** The same for what is only read, and no table: a pipe takes lines of any length. */
  readonly width: number;
}

export interface Style {
  bold(text: string): string;
  dim(text: string): string;
  red(text: string): string;
  green(text: string): string;
  yellow(text: string): string;
}

export interface Out {
  write(text: string): unknown;
  isTTY?: boolean;
  columns?: number;
  hasColors?(): boolean;
}

/** Colours on a terminal that has them, and never where NO_COLOR is set (https://no-color.org). */
export function styleFor(out: Out): Style {
  const on = out.isTTY === true && process.env.NO_COLOR === undefined && out.hasColors?.() === true;
  const code = (open: number, close: number) => (text: string) =>
    on ? `\u001b[${open}m${text}\u001b[${close}m` : text;
  return {
    bold: code(1, 22),
    dim: code(2, 22),
    red: code(31, 39),
    green: code(32, 39),
    yellow: code(33, 39),
  };
}

/** A text as wide as whoever looks has room for; a pipe takes lines of any length. */
export const fitting = (out: Pick<Out, "isTTY" | "columns">, text: string): string =>
  out.isTTY === true ? fitted(text, out.columns ?? 80) : text;

export function createTerminal(options: { json: boolean; stdout?: Out; stderr?: Out }): Terminal {
  const stdout: Out = options.stdout ?? process.stdout;
  const stderr: Out = options.stderr ?? process.stderr;
  const style = styleFor(stderr);
  /** On a terminal the line of a running step is there from the start, and replaced when it is over. */
  const live = stderr.isTTY === true;
  let running = "";
  let answered = false;
  const line = (text: string) =>
    stderr.write(`${running === "" ? "" : "\r\u001b[K"}${fitting(stderr, text)}\n${running}`);
  const end = (text: string) => {
    const over = running === "" ? "" : "\r\u001b[K";
    running = "";
    stderr.write(`${over}${fitting(stderr, text)}\n`);
  };
  return {
    columns: stdout.columns ?? 80,
    width: stdout.isTTY === true ? (stdout.columns ?? 80) : Number.POSITIVE_INFINITY,
    style: options.json ? styleFor({ write: () => {} }) : styleFor(stdout),
    say: line,
    warn: (text) => line(`${style.yellow("!")} ${text}`),
    print: (text) => {
      if (!options.json) stdout.write(`${fitting(stdout, text)}\n`);
    },
    get answered() {
      return answered;
    },
    json: (value) => {
      answered = true;
      if (options.json) stdout.write(`${JSON.stringify(value, null, 2)}\n`);
    },
    begin: (what) => {
      if (!live) return;
      // A line that wraps could not be taken back.
      const room = Math.max(20, (stderr.columns ?? 80) - 5);
      running = `${style.dim("·")} ${what.slice(0, room)} …`;
      stderr.write(running);
    },
    done: (what, seconds, detail) => {
      const facts = [...(detail === undefined ? [] : [detail]), took(seconds)].join(", ");
      end(`${style.green("✓")} ${what} ${style.dim(`(${facts})`)}`);
    },
    failed: (what, seconds) => end(`${style.red("✗")} ${what} ${style.dim(`(${took(seconds)})`)}`),
  };
}

export const took = (seconds: number): string =>
  seconds < 100 ? `${seconds.toFixed(1)} s` : `${Math.floor(seconds / 60)} min ${Math.round(seconds % 60)} s`;

/** "3 min", "5 h", "12 days". */
export function age(milliseconds: number): string {
  const minutes = Math.max(0, Math.round(milliseconds / 60_000));
  if (minutes < 120) return `${minutes} min`;
  const hours = Math.round(minutes / 60);
  return hours < 48 ? `${hours} h` : `${Math.round(hours / 24)} days`;
}
