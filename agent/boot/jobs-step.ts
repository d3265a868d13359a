import { hasJobs, stopSeconds } from "../jobs/jobs.ts";
import { askToYield } from "../jobs/yield.ts";
import type { Machine } from "../machine/machine.ts";
import { type Needs, type Step, step } from "../record/graph.ts";
import { servedBy } from "./served.ts";

/** Seconds on top of what the slowest job has to end. */
const MARGIN = 30;

/**
 * The jobs and workers of the instance that has the site end before this one takes it. Undefined: the site has none.
 * @param needs what makes sure that this instance will be able to serve.
 */
export function jobsStep(
  { config, store, clock, peers, identity }: Machine,
  needs: Needs & { launched: Step<Date> },
): Step<void> | undefined {
  if (!hasJobs(config)) return undefined;
  const seconds = stopSeconds(config);
  return step({ name: "jobs", takes: seconds + MARGIN }, needs, async (got, { detail, signal }) => {
    const before = await servedBy({ store, peers, identity }, got.launched);
    if (before === undefined) return detail("no instance has any that would have to end");
    const asked = { by: identity.instance, of: before.owner };
    const ended = await askToYield({ store, clock }, asked, seconds, signal);
    detail(`those of ${before.owner} ${ended ? "have ended" : "did not say that they have ended"}`);
  });
}
