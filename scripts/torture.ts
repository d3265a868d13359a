/** scripts/torture: hand-overs and kills of a site with state, without machines, and what was lost. */
import path from "node:path";
import { Command, InvalidArgumentError } from "commander";
import { build } from "esbuild";
import { agentSources } from "../provisioner/archive/agent-archive.ts";
import { nodeRuntime } from "../provisioner/archive/node-runtime.ts";
import { root, targets } from "./build/targets.ts";
import { torture } from "./state/torture.ts";

const number = (text: string): number => {
  const value = Number(text);
  if (!Number.isFinite(value) || value < 0) throw new InvalidArgumentError("not a number");
  return value;
};

const program = new Command("scripts/torture")
  .description(
    "Hands a site with state over and kills it, again and again, and counts what its visitors lost.",
  )
  .option("--hand-overs <n>", "planned ones", number, 100)
  .option("--kills <n>", "power cuts, and owners that wake up after they were followed", number, 100)
  .option("--durability <mode>", "s3 or fast", "s3")
  .option("--clients <n>", "that write, one request after the other", number, 4)
  .option("--seed <n>", "to do the same again", number, Math.floor(Math.random() * 1e6))
  .parse();
const options = program.opts<{
  handOvers: number;
  kills: number;
  durability: "fast" | "s3";
  clients: number;
  seed: number;
}>();

const say = (line: string) => process.stderr.write(`${line}\n`);
await build(targets.state);
const node = await nodeRuntime(process.arch === "arm64" ? "arm64" : "x86_64", agentSources().cacheDir);
const programs = { node, bundle: path.join(root, targets.state.outfile) };
say(`seed ${options.seed}`);
const begun = performance.now();
const { verdict, handOvers, takeovers, late, losses } = await torture({ ...options, programs, say });
const at = (list: number[], part: number) =>
  list.toSorted((a, b) => a - b)[Math.min(list.length - 1, Math.floor(list.length * part))]?.toFixed(2) ??
  "–";
process.stdout.write(
  [
    `${handOvers.length} hand-overs and ${takeovers.length} kills in ${Math.round((performance.now() - begun) / 60_000)} min, "${options.durability}", seed ${options.seed}`,
    `acknowledged writes lost: ${verdict.lost.length} of ${verdict.acknowledged}; shown and gone: ${verdict.unseen.length}; twice: ${verdict.twice.length}`,
    `integrity_check: ${verdict.integrity}`,
    `a hand-over takes p50 ${at(handOvers, 0.5)} s, max ${at(handOvers, 1)} s; a take-over after a death p50 ${at(takeovers, 0.5)} s, max ${at(takeovers, 1)} s`,
    `of ${losses.length} power cuts ${losses.filter((s) => s > 0).length} lost something: what was acknowledged p50 ${at(losses, 0.5)} s, max ${at(losses, 1)} s before`,
    `owners that had been stopped acknowledged ${late.acknowledged} writes when they woke up; ${late.lost} of them are lost`,
    "",
  ].join("\n"),
);
const failed =
  verdict.integrity !== "ok" ||
  verdict.twice.length > 0 ||
  (options.durability === "s3" && verdict.lost.length + verdict.unseen.length > 0);
process.exit(failed ? 1 : 0);
