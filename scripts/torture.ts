/** scripts/torture: hand-overs and kills of a site with state, without machines, and what was lost. */
import path from "node:path";
import { Command, Option } from "commander";
import { enterSandbox } from "../test/cloud/sandbox/enter.ts";
import { sandboxVariable } from "../test/cloud/sandbox/sandbox.ts";
import { root, targets } from "./build/targets.ts";
import { faults } from "./state/faults.ts";
import { buildPrograms } from "./state/programs.ts";
import { number, type Series, withSeries } from "./state/series.ts";
import { torture } from "./state/torture.ts";

const program = new Command("scripts/torture")
  .description(
    "Hands a site with state over and kills it, again and again, and counts what its visitors lost.",
  )
  .addOption(new Option("--only <fault...>", "which of them").choices(faults.map(({ name }) => name)))
  .option("--durability <mode>", "s3 or fast", "s3")
  .option("--clients <n>", "that write, one request after the other", number, 4)
  .option("--rate <n>", "writes a second, of all clients (default: as many as they can)", number);
const options = withSeries(program, { handOvers: 100, kills: 100, moments: 50 })
  .parse()
  .opts<Series & { durability: "fast" | "s3"; clients: number; only?: string[]; rate?: number }>();
if (process.env[sandboxVariable] === undefined) {
  process.exit(await enterSandbox([process.execPath, ...process.execArgv, ...process.argv.slice(1)]));
}

const say = (line: string) => process.stderr.write(`${line}\n`);
const programs = await buildPrograms(path.dirname(path.join(root, targets.state.outfile)));
say(`seed ${options.seed}`);
const begun = performance.now();
const thinks = options.rate === undefined ? undefined : (options.clients / options.rate) * 1000;
const { verdict, handOvers, takeovers, late, losses, played, moments } = await torture({
  ...options,
  ...{ programs, say, thinks, disks: true },
});
const at = (list: number[], part: number) =>
  list.toSorted((a, b) => a - b)[Math.min(list.length - 1, Math.floor(list.length * part))]?.toFixed(2) ??
  "–";
process.stdout.write(
  [
    `${handOvers.length} hand-overs and ${Object.values(played).reduce((a, b) => a + b, 0)} faults in ${Math.round((performance.now() - begun) / 60_000)} min, "${options.durability}", seed ${options.seed}`,
    ...Object.entries(played).map(([name, count]) => `  ${String(count).padStart(4)} × ${name}`),
    `acknowledged writes lost: ${verdict.lost.length} of ${verdict.acknowledged}; shown and gone: ${verdict.unseen.length}; twice: ${verdict.twice.length}`,
    `integrity_check: ${verdict.integrity}`,
    `a hand-over takes p50 ${at(handOvers, 0.5)} s, max ${at(handOvers, 1)} s; a take-over after a death p50 ${at(takeovers, 0.5)} s, max ${at(takeovers, 1)} s`,
    `of ${losses.length} power cuts ${losses.filter((s) => s > 0).length} lost something: what was acknowledged p50 ${at(losses, 0.5)} s, max ${at(losses, 1)} s before`,
    `owners that had been stopped acknowledged ${late.acknowledged} writes when they woke up; ${late.lost} of them are lost`,
    `${moments.restored} moments of the history restored; ${moments.wrong.length} are not what visitors were told`,
    ...moments.wrong.map((line) => `  ${line}`),
    "",
  ].join("\n"),
);
const failed =
  verdict.integrity !== "ok" ||
  verdict.twice.length > 0 ||
  (options.durability === "s3" && moments.wrong.length > 0) ||
  (options.durability === "s3" && verdict.lost.length + verdict.unseen.length > 0);
process.exit(failed ? 1 : 0);
