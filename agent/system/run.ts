import { ExecaError, execa } from "execa";
import { EverspotError } from "../site/errors.ts";
import { omitUndefined } from "../site/omit-undefined.ts";

/** Lines of output kept to show the cause of a failure. */
const LINES = 30;

export interface RunOptions {
  cwd?: string;
  /** Added to the agent's own environment. */
  env?: Readonly<Record<string, string>>;
  input?: string;
  /** Default 60. */
  seconds?: number;
  signal?: AbortSignal | undefined;
  hint?: string;
}

/**
 * Runs a program to its end and returns what it wrote to stdout.
 * @throws EverspotError (retry) when it could not start, ended other than with 0, or took too long; its `lines`
 * are the last lines of both outputs.
 */
export async function run(
  command: string,
  args: readonly string[],
  options: RunOptions = {},
): Promise<string> {
  try {
    const done = await execa(command, [...args], {
      all: true,
      stdin: options.input === undefined ? "ignore" : "pipe",
      ...omitUndefined({ input: options.input, cwd: options.cwd, cancelSignal: options.signal }),
      env: { LC_ALL: "C.UTF-8", ...options.env },
      timeout: (options.seconds ?? 60) * 1000,
    });
    return done.stdout;
  } catch (error) {
    if (!(error instanceof ExecaError)) throw error;
    options.signal?.throwIfAborted();
    const shown = [command, ...args.slice(0, 3)].join(" ");
    throw new EverspotError(`${shown}: ${outcome(error, options.seconds ?? 60)}`, {
      retry: "retry",
      lines: String(error.all ?? "")
        .split("\n")
        .filter((line) => line.trim() !== "")
        .slice(-LINES),
      hint: options.hint,
      cause: error,
    });
  }
}

/** Whether the program ended with 0. */
export async function succeeds(command: string, args: readonly string[]): Promise<boolean> {
  const done = await execa(command, [...args], { reject: false, stdin: "ignore" });
  return done.exitCode === 0;
}

function outcome(error: ExecaError, seconds: number): string {
  if (error.timedOut) return `not done after ${seconds} s`;
  if (error.exitCode !== undefined) return `exit code ${error.exitCode}`;
  return error.signal === undefined ? error.shortMessage : `ended by ${error.signal}`;
}
