/** `everspot run`, `manage` and `shell`, whose last words are another program's. */
import { type Command, InvalidArgumentError } from "commander";
import { type RunOptions, runRun } from "../commands/run.ts";
import type { SiteCommand } from "./data.ts";

/** Those words, and what to do with that program's exit code. */
export interface Passed {
  words: readonly string[];
  onEnd(exitCode: number): void;
}

const HOUR = 3600;

export function addPassing(siteCommand: SiteCommand, { words, onEnd }: Passed): void {
  const passing = (command: RunOptions["command"], description: string, usage: string): Command =>
    siteCommand<Pick<RunOptions, "json" | "timeout" | "memory">>(
      command,
      description,
      async (config, tools, { json, timeout, memory }) =>
        onEnd(await runRun(config, tools, { command, words, json, timeout, memory })),
    )
      .usage(usage)
      .option("--timeout <seconds>", "how long it may run", atLeast(1, "seconds"), HOUR)
      .option(
        "--memory <MB>",
        "how much memory it may use (default: 40 % of the instance's)",
        atLeast(16, "megabytes"),
      );
  passing(
    "run",
    "run a command on the instance, beside the app; ends with its exit code",
    "[options] [--] <command> [arguments...]",
  );
  passing(
    "manage",
    "run a command of manage.py on the instance, such as migrate or createsuperuser",
    "[options] <arguments...>",
  );
  passing("shell", "run manage.py shell on the instance, line by line", "[options] [-- arguments...]");
}

const atLeast =
  (least: number, of: string) =>
  (text: string): number => {
    const value = Number(text);
    if (!Number.isInteger(value) || value < least)
      throw new InvalidArgumentError(`must be a whole number of ${of}, at least ${least}`);
    return value;
  };
