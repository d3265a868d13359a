/** `everspot data` and what is below it. */
import { type Command, InvalidArgumentError } from "commander";
import { runDataDrill } from "../commands/data/drill.ts";
import { runDataFollow } from "../commands/data/follow.ts";
import { runDataPull } from "../commands/data/pull.ts";
import { runDataPush } from "../commands/data/push.ts";
import { runDataRestore } from "../commands/data/restore.ts";
import { runData } from "../commands/data/show.ts";
import type { ProjectTools } from "../commands/project-tools.ts";
import type { SiteConfig } from "../config/site-config.ts";

/** Adds a command on one site, below another one. */
export type SiteCommand = <Options extends object>(
  name: string,
  description: string,
  action: (
    config: SiteConfig,
    tools: ProjectTools,
    options: Options & { dryRun: boolean },
    argument?: string,
  ) => Promise<void>,
  parent?: Command,
) => Command;

const FILE = "where the database goes here; with several databases, their folder";

export function addData(siteCommand: SiteCommand): void {
  const data = siteCommand(
    "data",
    "show what the site has written, as far as it is kept in its bucket",
    (config, tools) => runData(config, tools),
  );
  const dry = (command: Command): Command =>
    command.option("-n, --dry-run", "only say what would be done", false);

  dry(
    siteCommand<{ to?: string; media?: string; force: boolean }>(
      "pull",
      "bring it to this computer: an ordinary SQLite file, and an ordinary folder of uploads",
      (config, tools, options, file) => runDataPull(config, tools, { ...options, file }),
      data,
    ),
  )
    .argument("[file]", FILE)
    .option("--to <time>", 'as it was at that time, like "10:30", "2026-11-26 10:30" or "15m" ago')
    .option("--media <folder>", "bring the uploads, too, into this folder")
    .option("--force", "replace an existing file", false);

  dry(
    siteCommand<{ as?: string; media?: string; force: boolean; yes: boolean }>(
      "push",
      "replace the site's database and uploads with those of this computer; what it had stays in its history",
      (config, tools, options, file) => runDataPush(config, tools, { ...options, file }),
      data,
    ),
  )
    .argument("[file]", "the database here (default: where [state] says that the project has it)")
    .option("--as <name>", "which database of [state] it is, where there are several")
    .option("--media <folder>", "bring the uploads of this folder, too")
    .option("--force", "even if the database comes from newer code than the site runs", false)
    .option("-y, --yes", "do not ask", false);

  dry(
    siteCommand<{ to?: string; before?: string; yes: boolean }>(
      "restore",
      "take the site back to what it had written at an earlier time; it can be undone",
      (config, tools, options) => runDataRestore(config, tools, options),
      data,
    ),
  )
    .option("--to <time>", 'like "10:30", "2026-11-26 10:30", "15m" ago, or "entry:123" of the log')
    .option("--before <release>", "to what there was before this release changed the database")
    .option("-y, --yes", "do not ask", false);

  dry(
    siteCommand(
      "drill",
      "prove that it can be restored: into a scratch file, with integrity_check and counted rows",
      (config, tools, { dryRun }) => runDataDrill(config, tools, { dryRun }),
      data,
    ),
  );

  dry(
    siteCommand<{ every: number; once: boolean; force: boolean }>(
      "follow",
      "keep a copy of the database here up to date with the site, until Ctrl-C",
      (config, tools, options, file = "") => runDataFollow(config, tools, { ...options, file }),
      data,
    ),
  )
    .argument("<file>", FILE)
    .option("--every <seconds>", "seconds between two looks, each one GET", interval, 5)
    .option("--once", "bring it up to date, and end", false)
    .option("--force", "replace a file that is not a copy of this site", false);
}

function interval(text: string): number {
  const value = Number(text);
  if (!(value >= 0.2 && value <= 86_400))
    throw new InvalidArgumentError("must be a number of seconds, from 0.2 to 86400");
  return value;
}
