import { spawn } from "node:child_process";
import { once } from "node:events";
import type { Readable, Writable } from "node:stream";
import { run } from "./run.ts";

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
  /** Seconds that it has to end once it is asked to; undefined: as its drop-ins say. */
  stop?: number;
  /** `journal`: what it writes goes there, and nothing comes out here. */
  output?: "journal";
}

export interface Transient {
  stdin: Writable;
  stdout: Readable;
  stderr: Readable;
  /**
   * Its exit code, 128 and the signal's number if a signal ended it, once the unit is down and its outputs are closed.
   * Where the unit failed otherwise (systemd.service(5), "Result="), that has the last word: it is there to be asked for
   * it until it is reset. Never rejects.
   */
  ended: Promise<number>;
}

export type StartTransient = (options: TransientOptions) => Transient;

/**
 * By systemd-run(1), which hands its own input and outputs on to the unit. A shell stays between the two: a unit that a
 * signal ends counts as one that ended well, and a program that is not there as a unit that did not start.
 */
export const startTransient: StartTransient = ({
  unit,
  description,
  words,
  seconds,
  memory,
  stop,
  output,
}) => {
  const child = spawn(
    "systemd-run",
    [
      ...["--quiet", "--wait", `--unit=${unit}`, `--description=${description}`],
      ...(output === "journal" ? [] : ["--pipe"]),
      ...[`--property=RuntimeMaxSec=${seconds}`, `--property=MemoryMax=${memory}`],
      ...(stop === undefined ? [] : [`--property=TimeoutStopSec=${stop}`]),
      ...["--", "/bin/sh", "-c", 'trap : HUP INT TERM; "$$@"', "sh"],
      // systemd puts variables in the place of what begins with a dollar.
      ...words.map((word) => word.replaceAll("$", "$$$$")),
    ],
    { stdio: ["pipe", "pipe", "pipe"] },
  );
  // The command may not read all that it is given.
  child.stdin.on("error", () => {});
  const ended = once(child, "close").then(
    ([code, signal]: unknown[]) => (typeof code === "number" ? code : signal === null ? 255 : 137),
    () => 255,
  );
  return { stdin: child.stdin, stdout: child.stdout, stderr: child.stderr, ended };
};

/** What runs as a unit until it is stopped, and is started again whenever it ends; whoever began it may end before. */
export interface LastingOptions extends Pick<TransientOptions, "unit" | "description" | "words" | "memory"> {
  stop: number;
}

/** @throws EverspotError when systemd refuses it; one of that name that runs already is refused, too. */
export type StartLasting = (options: LastingOptions) => Promise<void>;

export const startLasting: StartLasting = async ({ unit, description, words, memory, stop }) => {
  await run("systemd-run", [
    ...["--quiet", "--collect", `--unit=${unit}`, `--description=${description}`],
    ...[`--property=MemoryMax=${memory}`, `--property=TimeoutStopSec=${stop}`],
    ...["--property=Restart=always", `--property=RestartSec=${RESTART_SECONDS}`],
    ...["--property=StartLimitIntervalSec=0", "--", ...words.map((word) => word.replaceAll("$", "$$$$"))],
  ]);
};

const RESTART_SECONDS = 2;
