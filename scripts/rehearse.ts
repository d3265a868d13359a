/** scripts/rehearse [SITE_DIR]: plays scenarios on real parts, in a sandbox of its own. */
import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { Command, Option } from "commander";
import { EverspotError, messageOf } from "../agent/site/errors.ts";
import { enterSandbox } from "../test/cloud/sandbox/enter.ts";
import { sandboxVariable } from "../test/cloud/sandbox/sandbox.ts";
import { play } from "./rehearsal/play.ts";
import { playProjects } from "./rehearsal/projects/all.ts";
import { reachIndexes } from "./rehearsal/projects/indexes.ts";
import { renderPage } from "./rehearsal/report/page.ts";
import type { Result } from "./rehearsal/result.ts";
import { scenarios } from "./rehearsal/scenarios/index.ts";
import { summaryTable, toJson } from "./rehearsal/summary.ts";
import { type Series, withSeries } from "./state/series.ts";

const GUESTBOOK = path.resolve(import.meta.dirname, "../test/sites/guestbook");

interface Options extends Series {
  scenario: string[];
  all?: boolean;
  json?: boolean;
  report?: string;
  keep?: boolean;
  project?: string[];
  write?: boolean;
  asAws?: boolean;
}

const program = new Command("scripts/rehearse")
  .description(
    "Plays everspot on this machine: local AWS, real Debian instances, the shipped CLI, real visitors.",
  )
  .argument("[site]", "folder with a Django project and an everspot.toml", GUESTBOOK)
  .addOption(
    new Option("--scenario <name...>", "what to play")
      .choices(scenarios.map((s) => s.name))
      .default(["heal"]),
  )
  .option("--all", "play every scenario and end with a table")
  .option(
    "--as-aws",
    "as slow and as late as AWS: CPU credits, 18 s pending, 30 s until records are INSYNC, answers that are behind",
  )
  .option("--json", "end with one line of JSON per scenario")
  .option("--report <file>", "write an HTML page with pictures")
  .option(
    "--project <folder...>",
    "play projects of other people, each from its clone to a site that healed once; needs pip's package index",
  )
  .option("--write", "with --project: write the results into docs/projects.md")
  .option("--keep", "keep the logs of every instance; says where");
withSeries(program, { handOvers: 10, kills: 10, moments: 50 }, "state-torture: ").addHelpText(
  "after",
  `\nScenarios:\n${scenarios.map((s) => `  ${s.name.padEnd(18)} ${s.about}`).join("\n")}`,
);

async function main(): Promise<number> {
  program.parse();
  const options = program.opts<Options>();
  if (process.env[sandboxVariable] === undefined) {
    const tunnels = options.project === undefined ? [] : await reachIndexes(options.project);
    return await enterSandbox([process.execPath, ...process.execArgv, ...process.argv.slice(1)], { tunnels });
  }
  if (options.project !== undefined) return await playProjects(options.project, options);
  const folder = path.resolve(program.args[0] ?? GUESTBOOK);
  const chosen = options.all ? scenarios : scenarios.filter((s) => options.scenario.includes(s.name));
  const kept = options.keep ? await mkdtemp("/var/tmp/everspot-rehearsal-") : undefined;
  const results: Result[] = [];
  for (const scenario of chosen) {
    const directory = path.join(tmpdir(), `rehearsal-${scenario.name}`);
    await mkdir(directory, { recursive: true });
    const sample = folder === GUESTBOOK;
    const asAws = options.asAws ?? false;
    results.push(await play(scenario, { folder, sample, directory, kept, asAws, series: options }));
    await rm(directory, { recursive: true, force: true });
  }
  if (options.report !== undefined) {
    await writeFile(options.report, renderPage(`everspot rehearsal: ${path.basename(folder)}`, results));
    console.error(`report: ${options.report}`);
  }
  if (kept !== undefined) console.error(`logs of the instances: ${kept}`);
  console.error(summaryTable(results));
  if (options.json) for (const result of results) console.log(JSON.stringify(toJson(result)));
  return results.every((r) => r.problems.length === 0) ? 0 : 1;
}

try {
  process.exitCode = await main();
} catch (error) {
  if (!(error instanceof EverspotError)) throw error;
  console.error(`scripts/rehearse: ${messageOf(error)}`);
  if (error.hint !== undefined) console.error(`  ${error.hint}`);
  process.exitCode = error.exitCode;
}
