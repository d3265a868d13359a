import tab from "@bomb.sh/tab/commander";
import { Command, CommanderError, InvalidArgumentError } from "commander";
import { USAGE } from "../../agent/site/errors.ts";
import { runBake } from "../commands/bake.ts";
import { runCertificate } from "../commands/certificate.ts";
import { type DeployOptions, runDeploy } from "../commands/deploy.ts";
import { runDown } from "../commands/down.ts";
import { runDrill } from "../commands/drill.ts";
import { runFetch } from "../commands/fetch.ts";
import { type GithubOptions, runGithub } from "../commands/github.ts";
import { runHistory } from "../commands/history.ts";
import { type InitOptions, runInit } from "../commands/init.ts";
import { type LogsOptions, runLogs } from "../commands/logs/logs.ts";
import { type MaintenanceOptions, runMaintenance } from "../commands/maintenance.ts";
import { runOpen } from "../commands/open.ts";
import { runPermissions } from "../commands/permissions.ts";
import { runPlan } from "../commands/plan.ts";
import type { ProjectTools } from "../commands/project-tools.ts";
import { runReleases } from "../commands/releases.ts";
import { type RollbackOptions, runRollback } from "../commands/rollback.ts";
import { runSecretList, runSecretSet, runSecretUnset } from "../commands/secret.ts";
import { runStatus } from "../commands/status.ts";
import { runUp } from "../commands/up.ts";
import { loadConfig } from "../config/load.ts";
import type { SiteConfig } from "../config/site-config.ts";
import { fail } from "../operator/fail.ts";
import { fitting } from "../operator/terminal.ts";
import { addData, type SiteCommand } from "./data.ts";
import { addDoctor, addNotify } from "./health.ts";
import { addJobs } from "./jobs.ts";
import { passedOn } from "./passed-on.ts";
import { addPassing, type Passed } from "./passing.ts";

/** Options that every command has. */
export interface Common {
  config: string;
  stage?: string;
  json: boolean;
}

type MakeTools = (options: { json: boolean; yes: boolean }) => ProjectTools;

const PAUSE = "with [state]: how long visitors may be held meanwhile (default: [state] pause)";
const DEFAULT_TIMEOUT = 900;
/** Columns that are left for what an option does, beside its name; a narrower terminal breaks the lines itself. */
const NARROWEST = 20;

/** Runs one command line (without node and script). @returns the exit code. */
export async function run(args: readonly string[], version: string, makeTools: MakeTools): Promise<number> {
  const { own, words } = passedOn(args);
  const json = own.includes("--json");
  let exitCode = 0;
  let terminal: ProjectTools["terminal"] | undefined;
  const make: MakeTools = (options) => {
    const tools = makeTools(options);
    terminal = tools.terminal;
    return tools;
  };
  try {
    const onEnd = (code: number): void => {
      exitCode = code;
    };
    await program(version, make, { words, onEnd }).parseAsync(own, { from: "user" });
    return exitCode;
  } catch (error) {
    // Commander has printed its own message; help and version end this way too.
    if (error instanceof CommanderError) return error.exitCode === 0 ? 0 : USAGE;
    return fail(error, { json: json && terminal?.answered !== true });
  }
}

const EXAMPLES = `
Examples:
  everspot init                      everspot.toml for the Django project of this folder
  everspot plan                      what would be done, and what it costs
  everspot up                        from nothing to a site over HTTPS
  everspot deploy                    the next release, without a lost request
  everspot logs -f --source app      what the app says, as it comes
  everspot status --check && echo ok for scripts: exit code 1 if anything is odd
  everspot doctor                    what is wrong, and which command comes next
  everspot --stage staging up        another copy, as in [stages.staging]

everspot COMMAND --help lists the options of a command; README.md begins at the beginning.`;

/** The options of every command. The program has them too, so that they may stand before the command's name. */
const withCommon = (command: Command): Command =>
  command
    .option("-c, --config <file>", "the site's configuration", "everspot.toml")
    .option("-s, --stage <name>", "a stage of it, as in [stages.NAME]")
    .option("--json", "one JSON document on stdout, progress on stderr", false);

/** All commands there are. */
export function program(version: string, makeTools: MakeTools, passed: Passed): Command {
  const everspot = withCommon(new Command("everspot"))
    .description("Keeps a small Django site up on one AWS spot instance.")
    .version(version)
    .exitOverride()
    .configureHelp({ minWidthToWrap: NARROWEST })
    .configureOutput({
      writeOut: (text) => process.stdout.write(fitting(process.stdout, text)),
      writeErr: (text) => process.stderr.write(fitting(process.stderr, text)),
    })
    .showHelpAfterError("(add --help for the options)");

  /** A command on one site: its options, its configuration, its tools. */
  const siteCommand = <Options extends Common & { yes?: boolean }>(
    name: string,
    description: string,
    action: (config: SiteConfig, tools: ProjectTools, options: Options, argument?: string) => Promise<void>,
    parent: Command = everspot,
  ): Command =>
    withCommon(parent.command(name))
      .description(description)
      .action(async (...given: unknown[]) => {
        // Commander hands over the arguments, then the options, then the command. What the program knows too, it
        // takes to itself, wherever it stands.
        const options = (given.at(-1) as Command).optsWithGlobals<Options>();
        const argument = given.length > 2 ? given[0] : undefined;
        const config = await loadConfig(options.config, options.stage);
        const tools = makeTools({ json: options.json, yes: options.yes ?? false });
        await action(config, tools, options, argument as string | undefined);
      });

  everspot.commandsGroup("Start:");

  withCommon(everspot.command("init"))
    .description("look at the Django project in this folder, and write everspot.toml and what goes with it")
    .option("--domain <name>", "the site's name in DNS")
    .option("--site <name>", "a short name for the site (default: the folder's)")
    .option("--region <region>", "the AWS region (default: that of the environment, else us-east-1)")
    .option("-y, --yes", "write all that is proposed and not there yet", false)
    .action(async (...given: unknown[]) => {
      const options = (given.at(-1) as Command).optsWithGlobals<Common & InitOptions & { yes: boolean }>();
      await runInit(makeTools({ json: options.json, yes: options.yes }), options);
    });

  siteCommand<Common & { refreshImage: boolean; pack: boolean }>(
    "plan",
    "show what `up` would do, and what the site costs",
    (config, tools, options) => runPlan(config, tools, options),
  )
    .option("--refresh-image", "take the newest Debian image", false)
    .option("--no-pack", "do not check that the project can be packed, where `up` would publish it");

  addDoctor(siteCommand as SiteCommand);

  siteCommand<Common & { yes: boolean; refreshImage: boolean; wait: boolean; timeout: number }>(
    "up",
    "bring the site up, or change it to match the configuration",
    (config, tools, options) => runUp(config, tools, options),
  )
    .option("-y, --yes", "do not ask", false)
    .option("--refresh-image", "take the newest Debian image", false)
    .option("--no-wait", "end after the last change, without waiting until the site answers")
    .option("--timeout <seconds>", "how long to wait for the site", seconds, DEFAULT_TIMEOUT);

  siteCommand<Common & GithubOptions & { yes: boolean }>(
    "github",
    "let a branch or an environment of a repository deploy this site",
    (config, tools, options) => runGithub(config, tools, options),
  )
    .requiredOption("--repo <owner/name>", "the repository on GitHub")
    .option("--branch <name>", "the branch whose workflows may deploy (default: main)")
    .option("--environment <name>", "the deployment environment whose jobs may deploy, instead of a branch")
    .option("--owner-id <number>", "GitHub's id of the owner: no other owner of that name is trusted")
    .option(
      "--repo-id <number>",
      "GitHub's id of the repository: no other repository of that name is trusted",
    )
    .option(
      "--with-agent",
      "let it bring new agents, launch templates and images, too: then its holder is root on the site",
      false,
    )
    .option("-y, --yes", "do not ask", false);

  siteCommand<Common & { account?: string }>(
    "permissions",
    "print the least IAM policy for whoever runs these commands; asks AWS nothing",
    async (config, tools, options) => runPermissions(config, tools, options),
  ).option("--account <id>", "limit the policy to this account");

  siteCommand<Common>(
    "fetch",
    "fetch what instances run into the cache, without credentials; later commands then need no registry",
    (config, tools) => runFetch(config, tools),
  );

  everspot.commandsGroup("Every day:");

  siteCommand<Common & { boot: boolean; check: boolean }>(
    "status",
    "ask the site for a page; show which instance serves it, and anything odd",
    (config, tools, { boot, check }) => runStatus(config, tools, { boot, check }),
  )
    .alias("ps")
    .option("--boot", "show the steps of the last boot as bars, with what each waited for", false)
    .option("--check", "end with exit code 1 if anything is odd", false);

  siteCommand<Common & LogsOptions>(
    "logs",
    "print the last lines of the site's log, whether or not an instance is running",
    (config, tools, options) => runLogs(config, tools, options),
  )
    .option("-f, --follow", "keep printing new lines, until Ctrl-C", false)
    .option("-n, --lines <number>", "how many of the newest (default: 100; with --since: all)", lines)
    .option("--since <time>", 'only lines since then, like "2h" ago, "10:30" or "2026-11-26 10:30"')
    .option("--until <time>", "only lines until then")
    .option("--grep <expression>", "only lines that match this regular expression")
    .option("--source <name>", "app, nginx, access, agent, state, system, job:NAME or worker:NAME")
    .option("--release <id>", "of the app, its jobs and workers: only lines of this release")
    .option("--instance <id>", "only lines of this instance");

  siteCommand<Common>("open", "open the site in a browser", (config, tools) => runOpen(config, tools));

  siteCommand<Common & DeployOptions>(
    "deploy",
    "make a release of the project, and switch to it once it serves",
    (config, tools, options) => runDeploy(config, tools, options),
  )
    .option("--in-place", "deploy on the running instance: for small changes, in seconds", false)
    .option("--refresh-image", "deploy with the newest Debian image", false)
    .option("--bake", "make an image of the instance afterwards, so that the next one boots faster", false)
    .option("--abort", "stop the deploy under way, whoever runs it, and clean up after it", false)
    .option("--package <file>", "only make the release, and write it to this zip file")
    .option("--force", "deploy even when nothing changed", false)
    .option("--allow <pattern...>", "release these files even though they look like secrets", [])
    .option("--pause <seconds>", PAUSE, seconds)
    .option("--timeout <seconds>", "how long to wait for the release to serve", seconds, DEFAULT_TIMEOUT);

  siteCommand<Common & Omit<RollbackOptions, "id"> & { yes: boolean }>(
    "rollback",
    "go back to the previous release, or to the one named",
    (config, tools, options, id) => runRollback(config, tools, { ...options, id }),
  )
    .argument("[release]", "a release that `everspot releases` lists")
    .option("--in-place", "roll back on the running instance", false)
    .option("--data-too", "with [state]: also to what had been written when the current release came", false)
    .option("-y, --yes", "with --data-too: do not ask", false)
    .option("--pause <seconds>", PAUSE, seconds)
    .option("--timeout <seconds>", "how long to wait for the release to serve", seconds, DEFAULT_TIMEOUT);

  siteCommand<Common>("releases", "list the releases, newest first", (config, tools) =>
    runReleases(config, tools),
  );

  addPassing(siteCommand as SiteCommand, passed);
  addJobs(siteCommand as SiteCommand, passed.onEnd);

  const secret = everspot
    .command("secret")
    .description("manage the app's secrets, kept in SSM Parameter Store");
  const named = (text = "") => text;
  siteCommand<Common>(
    "set",
    "set a secret; its value is read from stdin, or asked for",
    (config, tools, _, name) => runSecretSet(config, tools, named(name)),
    secret,
  ).argument("<name>", "the environment variable in which the app gets it");
  siteCommand<Common>(
    "list",
    "list the secrets' names, never their values",
    (config, tools) => runSecretList(config, tools),
    secret,
  );
  siteCommand<Common>(
    "unset",
    "delete a secret",
    (config, tools, _, name) => runSecretUnset(config, tools, named(name)),
    secret,
  ).argument("<name>");

  addData(siteCommand as SiteCommand);

  addNotify(everspot, siteCommand as SiteCommand);

  siteCommand<Common & { html?: string }>(
    "history",
    "list replacements, reboots, deploys and drills, with how long they took",
    (config, tools, { html }) => runHistory(config, tools, { html }),
  ).option("--html <file>", "also write them to this file as a page with charts");

  siteCommand<Common & { yes: boolean; remove: boolean }>(
    "bake",
    "make an image of the instance that serves, so that the next one boots faster",
    (config, tools, { remove }) => runBake(config, tools, { remove }),
  )
    .option("-y, --yes", "do not ask", false)
    .option("--remove", "remove the image instead: the next instance boots from Debian's image", false);

  everspot.commandsGroup("Trouble:");

  siteCommand<Common & MaintenanceOptions>(
    "maintenance",
    "show visitors a page instead of the site, or the site again; without an argument, say which",
    (config, tools, { allow, page }, word) => runMaintenance(config, tools, { allow, page }, word),
  )
    .argument("[on|off]")
    .option("--allow <ip...>", "with on: addresses that still see the site", [])
    .option("--page <file>", "with on: the HTML page that visitors get");

  siteCommand<Common & { yes: boolean; renew: boolean; timeout: number }>(
    "certificate",
    "show which certificate is served, what may be ordered, and what has been ordered",
    (config, tools, { renew, timeout }) => runCertificate(config, tools, { renew, timeout }),
  )
    .alias("ssl")
    .option("--renew", "order a new one now, within the budget", false)
    .option("-y, --yes", "do not ask", false)
    .option("--timeout <seconds>", "how long to wait for the new certificate", seconds, DEFAULT_TIMEOUT);

  siteCommand<Common & { yes: boolean; terminate: boolean; maxDowntime?: number; timeout: number }>(
    "drill",
    "have AWS interrupt the running instance, and measure what visitors notice",
    (config, tools, { terminate, maxDowntime, timeout }) =>
      runDrill(config, tools, { terminate, maxDowntime, timeout }),
  )
    .option("-y, --yes", "do not ask", false)
    .option("--terminate", "terminate the instance without notice instead", false)
    .option("--max-downtime <seconds>", "end with exit code 1 if the site was down for longer", seconds)
    .option("--timeout <seconds>", "how long to wait for the next instance", seconds, DEFAULT_TIMEOUT);

  siteCommand<Common & { yes: boolean; deleteData: boolean; deleteCertificate: boolean }>(
    "down",
    "take the site down; its data is kept",
    (config, tools, options) => runDown(config, tools, options),
  )
    .aliases(["destroy", "delete", "teardown"])
    .option("-y, --yes", "do not ask", false)
    .option(
      "--delete-data",
      "delete its data too: releases, secrets, history; its certificate is kept",
      false,
    )
    .option("--delete-certificate", "with --delete-data: the certificate too, one of 5 in a week", false);

  everspot.commandsGroup("Help:").helpCommand("help [command]", "show the options of a command");
  tab(everspot, { completionCommandName: "completion" });

  return everspot.addHelpText("after", EXAMPLES);
}

function lines(text: string): number {
  const value = Number(text);
  if (!Number.isInteger(value) || value < 1 || value > 100_000)
    throw new InvalidArgumentError("must be a number of lines, from 1 to 100000");
  return value;
}

function seconds(text: string): number {
  const value = Number(text);
  if (!Number.isInteger(value) || value < 1)
    throw new InvalidArgumentError("must be a whole number of seconds, at least 1");
  return value;
}
