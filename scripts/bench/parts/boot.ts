/** How long does an instance take to serve, by the article's way and by everspot's? */
import { vanish } from "../../rehearsal/acts.ts";
import type { Rehearsal } from "../../rehearsal/rehearsal.ts";
import type { Boot } from "../../rehearsal/result.ts";
import type { Visitor } from "../../rehearsal/visitors.ts";
import { prepareArticle } from "../article.ts";
import { must, type Part, toolsOf, withSite } from "../bench.ts";
import { booted, type MeasuredBoot } from "../everspot-boot.ts";
import type { BootFigure, BootKind } from "../figures.ts";
import { startAsking } from "../first-answer.ts";
import { round, spread } from "../stats.ts";

type Run = Pick<MeasuredBoot, "boot"> & Partial<MeasuredBoot>;

interface Up {
  seconds: number;
  calls: number;
  writes: number;
}

export const boot: Part = {
  name: "boot",
  about:
    "user data to the first HTTPS 200: the article's way, first boot, replacement, baked image; and `up`",
  run: (bench, figures) =>
    withSite(bench, {}, async (site) => {
      const { wheelhouse } = await toolsOf(bench);
      const article = await prepareArticle(site, wheelhouse, bench.directory);
      const runs: Record<BootKind, Run[]> = { article: [], first: [], replacement: [], baked: [] };
      const ups: Up[] = [];
      const note = (kind: BootKind, run: Run) => {
        runs[kind].push(run);
        const agent = run.agent === undefined ? "" : ` (agent ${round(run.agent)} s)`;
        const used = run.processor === undefined ? "" : `, ${round(run.processor)} s of processor time`;
        const wait = run.boot.steps.find((s) => s.name === "first certificate")?.seconds ?? 0;
        const order = wait < 0.1 ? "" : `, of which it waits ${round(wait)} s for its first certificate`;
        bench.say(`${kind}: ${round(run.boot.seconds)} s${agent}${order}${used}`);
        figures.boot = { ...figures.boot, [kind]: figureOf(runs[kind]) };
      };
      let noBake: string | undefined;
      for (let i = 1; i <= bench.runs; i++) {
        bench.say(`boots, round ${i} of ${bench.runs}`);
        note("article", { boot: await article.boot() });

        const asking = startAsking(site);
        ups.push(await up(site));
        note("first", await booted(site, asking, undefined));
        await site.untilPackagesAreKept();

        note("replacement", await replaced(site, asking));
        noBake ??= await bake(site);
        if (noBake === undefined) note("baked", await replaced(site, asking));
        else figures.boot = { ...figures.boot, baked: { absent: noBake } };

        await asking.stop();
        await must(site, ["down", "--yes", "--delete-data", "--delete-certificate"]);
      }
      figures.up = {
        seconds: spread(ups.map((u) => u.seconds)),
        calls: spread(ups.map((u) => u.calls)),
        writes: spread(ups.map((u) => u.writes)),
      };
    }),
};

async function up(site: Rehearsal): Promise<Up> {
  const mark = site.mark();
  const { seconds } = await must(site, ["up", "--yes"]);
  const operator = site.cloud.env.AWS_ACCESS_KEY_ID;
  const calls = site.cloud.wire.calls.slice(mark).filter((call) => call.accessKeyId === operator).length;
  return { seconds, calls, writes: site.writes(mark).filter((call) => call.by === "operator").length };
}

/** AWS takes the owner without notice. */
const replaced = async (site: Rehearsal, asking: Visitor): Promise<MeasuredBoot> =>
  booted(site, asking, await vanish(site));

/** Makes the image. @returns why there is none. */
async function bake(site: Rehearsal): Promise<string | undefined> {
  const { exitCode, lines } = await site.cli(["bake", "--yes"], 600);
  if (exitCode === 0) return undefined;
  return `everspot bake exited with ${exitCode}: ${lines.at(-1) ?? ""}`;
}

function figureOf(runs: readonly Run[]): BootFigure {
  const total = spread(runs.map((r) => r.boot.seconds));
  const agents = runs.flatMap((r) => r.agent ?? []);
  const processors = runs.flatMap((r) => r.processor ?? []);
  const waits = runs.flatMap((r) => r.boot.steps.find((s) => s.name === "first certificate")?.seconds ?? []);
  const distance = (boot: Boot) => Math.abs(boot.seconds - total.median);
  const nearest = runs.map((r) => r.boot).reduce((a, b) => (distance(b) < distance(a) ? b : a));
  return {
    ...total,
    ...(agents.length === 0 ? {} : { agent: spread(agents) }),
    ...(processors.length === 0 ? {} : { processor: spread(processors) }),
    ...(Math.max(0, ...waits) < 0.1 ? {} : { certificate: spread(waits) }),
    typical: { ...nearest, seconds: round(nearest.seconds) },
  };
}
