/** npm run bench: measures everspot on this machine, in a sandbox of its own. */
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { cpus, tmpdir, totalmem } from "node:os";
import path from "node:path";
import { Command, InvalidArgumentError, Option } from "commander";
import { EverspotError, messageOf } from "../../agent/site/errors.ts";
import { enterSandbox } from "../../test/cloud/sandbox/enter.ts";
import { cacheDirectory, sandboxVariable } from "../../test/cloud/sandbox/sandbox.ts";
import type { Bench } from "./bench.ts";
import { ownCache } from "./cache.ts";
import type { Figures } from "./figures.ts";
import { bringLitestream } from "./litestream.ts";
import { parts } from "./parts/index.ts";
import { renderBench } from "./report.ts";
import { round } from "./stats.ts";
import { processorTime, stolenPercent } from "./stolen.ts";
import { figuresTable, targetsTable } from "./table.ts";
import { targetsOf } from "./targets.ts";

interface Options {
  runs: number;
  only?: string[];
  json?: boolean;
  report?: string;
  check?: boolean;
}

const program = new Command("npm run bench --")
  .description(
    "Measures everspot on this machine: local AWS, real Debian instances, the shipped CLI and agent.",
  )
  .option("--runs <number>", "how often each thing is measured, in turn with the others", count, 5)
  .addOption(new Option("--only <part...>", "what to measure").choices(parts.map((p) => p.name)))
  .option("--json", "end with one line of JSON")
  .option("--report <file>", "write an HTML page with pictures")
  .option("--check", "end with 1 when a target is not met")
  .addHelpText("after", `\nParts:\n${parts.map((p) => `  ${p.name.padEnd(12)} ${p.about}`).join("\n")}`);

function count(text: string): number {
  const value = Number(text);
  if (!Number.isInteger(value) || value < 1) throw new InvalidArgumentError("a whole number is needed");
  return value;
}

async function main(): Promise<number> {
  program.parse();
  if (process.env[sandboxVariable] === undefined) {
    if (program.opts<Options>().only?.includes("state") ?? true) await offerLitestream();
    return await enterSandbox([process.execPath, ...process.execArgv, ...process.argv.slice(1)]);
  }
  const { runs, only, json, report, check } = program.opts<Options>();
  const began = performance.now();
  const say = (line: string): void => {
    console.error(`${((performance.now() - began) / 1000).toFixed(1).padStart(6)} s  ${line}`);
  };
  const directory = await mkdtemp(path.join(tmpdir(), "bench-"));
  process.env.XDG_CACHE_HOME = await ownCache(path.join(directory, "cache"));
  const figures: Figures = {
    when: new Date().toISOString(),
    machine: {
      processors: cpus().length,
      model: cpus()[0]?.model ?? "unknown",
      memoryGB: Math.round(totalmem() / 1e9),
    },
  };
  const before = processorTime();
  const bench: Bench = { runs, directory, say };
  let failed = 0;
  for (const part of parts) {
    if (only !== undefined && !only.includes(part.name)) continue;
    const started = performance.now();
    say(`${part.name}: ${part.about}`);
    try {
      await part.run(bench, figures);
      say(`${part.name} took ${round((performance.now() - started) / 1000)} s`);
    } catch (error) {
      failed++;
      say(`${part.name} FAILED: ${messageOf(error)}`);
      if (!(error instanceof EverspotError)) console.error(error);
      else for (const line of [error.hint ?? "", ...error.lines].filter(Boolean)) say(`  | ${line}`);
    }
  }
  figures.machine.stolenPercent = stolenPercent(before, processorTime());
  await rm(directory, { recursive: true, force: true });
  console.error(`\n${figuresTable(figures)}\n\n${targetsTable(figures)}`);
  if (report !== undefined) {
    await writeFile(report, renderBench(figures));
    console.error(`\nreport: ${report}`);
  }
  if (json) console.log(JSON.stringify(figures));
  const missed = check === true && targetsOf(figures).some((target) => target.met === false);
  return failed === 0 && !missed ? 0 : 1;
}

/** To what runs in the sandbox, which has no way to an index of packages. */
async function offerLitestream(): Promise<void> {
  try {
    process.env.PATH = `${await bringLitestream(cacheDirectory())}${path.delimiter}${process.env.PATH}`;
  } catch (error) {
    console.error(
      `bench: Litestream cannot be had, and is not measured: ${messageOf(error).split("\n", 1)[0]}`,
    );
  }
}

try {
  process.exitCode = await main();
} catch (error) {
  if (!(error instanceof EverspotError)) throw error;
  console.error(`bench: ${messageOf(error)}`);
  if (error.hint !== undefined) console.error(`  ${error.hint}`);
  process.exitCode = error.exitCode;
}
