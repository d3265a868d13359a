/** How long does a deploy take, as a swap and in place? */
import { change, type DeployJson, untilQuiet } from "../../rehearsal/deploys.ts";
import type { Rehearsal } from "../../rehearsal/rehearsal.ts";
import { must, type Part, withSite } from "../bench.ts";
import { spread } from "../stats.ts";

/** Seconds for which the old instance passes requests on; part of every swap. */
const DRAIN = 10;

export const deploys: Part = {
  name: "deploys",
  about: "`everspot deploy`, as a swap and in place, in turn",
  run: (bench, figures) =>
    withSite(bench, { dns: { drain: DRAIN } }, async (site) => {
      await must(site, ["up", "--yes"]);
      await site.untilPackagesAreKept();
      const swaps: number[] = [];
      const inPlace: number[] = [];
      for (let i = 1; i <= bench.runs; i++) {
        swaps.push(await deploy(site, `swap ${i}`, []));
        bench.say(`swap: ${swaps.at(-1)} s`);
        inPlace.push(await deploy(site, `in place ${i}`, ["--in-place"]));
        bench.say(`in place: ${inPlace.at(-1)} s`);
        await untilQuiet(site);
        figures.swap = { seconds: spread(swaps), drain: DRAIN };
        figures.inPlace = { seconds: spread(inPlace) };
      }
    }),
};

async function deploy(site: Rehearsal, mark: string, args: readonly string[]): Promise<number> {
  await change(site, mark);
  const { json } = await must(site, ["deploy", ...args]);
  return (json as DeployJson).seconds;
}
