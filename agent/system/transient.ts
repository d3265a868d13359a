import { spawn } from "node:child_process";
import { once } from "node:events";
import type { Readable, Writable } from "node:stream";

/** What runs as a unit that exists only as long as it does. */
export interface TransientOptions {
  /** systemd's name for it. What its folders of drop-ins say holds for it, too. */
  unit: string;
  description: string;
  /** The program and its arguments, as they are. */
  words: readonly string[];
  /** Seconds after which it is ended. */
  seconds: number;
  /** As systemd's MemoryMax= takes it. */
  memory: string;
}

export interface Transient {
  stdin: Writable;
  stdout: Readable;
  stderr: Readable;
  /**
   * Its exit code, 128 and the signal's number if a signal ended it, once the unit is down and its outputs are closed.
   * Where the unit failed otherwise (systemd.service(5), "Result="), that has the last word. Never rejects.
   */
  ended: Promise<number>;
}

export type StartTransient = (options: TransientOptions) => Transient;

/**
 * By systemd-run(1), which hands its own input and outputs on to the unit. A shell stays between the two: a unit that a
 * signal ends counts as one that ended well, and a program that is not there as a unit that did not start.
 */
export const startTransient: StartTransient = ({ unit, description, words, seconds, memory }) => {
  const child = spawn(
    "systemd-run",
    [
      ...["--quiet", "--pipe", "--wait", "--collect", `--unit=${unit}`, `--description=${description}`],
      ...[`--property=RuntimeMaxSec=${seconds}`, `--property=MemoryMax=${memory}`],
      ...["--", "/bin/sh", "-c", 'trap : HUP INT TERM; "$$@"', "sh"],
      // systemd puts variables in the place of what begins with a dollar.
      ...words.map((word) => word.replaceAll("$", "$$$$")),
    ],
    { stdio: ["pipe", "pipe", "pipe"] },
  );
  // Of a command that does not read all that it is given.
  child.stdin.on("error", () => {});
  const ended = once(child, "close").then(
    ([code, signal]: unknown[]) => (typeof code === "number" ? code : signal === null ? 255 : 137),
    () => 255,
  );
  return { stdin: child.stdin, stdout: child.stdout, stderr: child.stderr, ended };
};
