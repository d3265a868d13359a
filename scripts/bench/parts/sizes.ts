/** How do boot and deploy grow with the release? */
import { randomBytes } from "node:crypto";
import { mkdir, open } from "node:fs/promises";
import path from "node:path";
import { EverspotError } from "../../../agent/site/errors.ts";
import type { DeployJson } from "../../rehearsal/deploys.ts";
import type { Rehearsal } from "../../rehearsal/rehearsal.ts";
import { agentProcess, residentMemory } from "../agent-process.ts";
import { must, type Part, withSite } from "../bench.ts";
import type { SizeFigure } from "../figures.ts";
import { round, spread } from "../stats.ts";

const MEGABYTES = [1, 10, 100, 500];
/** Seconds; part of every swap. */
const DRAIN = 5;

interface Run {
  deploy: number;
  pack: number;
  publish: number;
  boot: number;
  fetch: number;
  agentPeakMB: number;
}

export const sizes: Part = {
  name: "sizes",
  about: `deploys of releases of ${MEGABYTES.join(", ")} MB: swap, boot, memory of the agent`,
  run: (bench, figures) =>
    withSite(bench, { dns: { drain: DRAIN } }, async (site) => {
      await must(site, ["up", "--yes"]);
      await site.untilPackagesAreKept();
      const runs = new Map<number, Run[]>(MEGABYTES.map((size) => [size, []]));
      for (let i = 0; i < bench.runs; i++) {
        for (const [size, soFar] of runs) {
          const run = await deploy(site, size);
          soFar.push(run);
          bench.say(
            `${size} MB: deploy ${run.deploy} s, boot ${round(run.boot)} s, the release's part of it ${run.fetch} s`,
          );
          figures.sizes = [...runs].filter(([, all]) => all.length > 0).map(([of, all]) => figureOf(of, all));
        }
      }
    }),
};

/** Swaps in a release with a new random file of that size. */
async function deploy(site: Rehearsal, megabytes: number): Promise<Run> {
  await writeRandom(path.join(site.site.folder, "media", "random.bin"), megabytes);
  const { json } = await must(site, ["deploy"], 900);
  const { seconds, steps } = json as DeployJson;
  const record = await site.boot(await site.owner());
  if (record === undefined) throw new EverspotError("the new instance has no record");
  const { pid } = await agentProcess(site.cloud, record.instance);
  const { peak } = await residentMemory(site.cloud, record.instance, pid);
  const ended = (name: string) => {
    const step = record.steps.find((s) => s.name === name);
    return (step?.start ?? Number.NaN) + (step?.seconds ?? Number.NaN);
  };
  return {
    deploy: seconds,
    pack: secondsOf(steps, "pack"),
    publish: secondsOf(steps, "publish"),
    boot: ended("ownership"),
    fetch: secondsOf(record.steps, "release"),
    agentPeakMB: peak,
  };
}

function secondsOf(steps: readonly { name: string; seconds?: number | undefined }[], name: string): number {
  const seconds = steps.find((s) => s.name === name)?.seconds;
  if (seconds === undefined) throw new EverspotError(`there was no step ${name}`);
  return seconds;
}

async function writeRandom(file: string, megabytes: number): Promise<void> {
  await mkdir(path.dirname(file), { recursive: true });
  const to = await open(file, "w");
  try {
    for (let i = 0; i < megabytes; i++) await to.write(randomBytes(1e6));
  } finally {
    await to.close();
  }
}

function figureOf(releaseMB: number, runs: readonly Run[]): SizeFigure {
  const of = (name: keyof Run) => spread(runs.map((run) => run[name]));
  return {
    releaseMB,
    deploy: of("deploy"),
    pack: of("pack"),
    publish: of("publish"),
    boot: of("boot"),
    fetch: of("fetch"),
    agentPeakMB: of("agentPeakMB"),
  };
}
