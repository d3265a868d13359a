import { readDocument } from "../../agent/site/document.ts";
import { siteDocument } from "../../agent/site/documents/site-state.ts";
import { poll } from "../../agent/site/poll.ts";
import type { Aws } from "../aws/connect.ts";
import { addressOf } from "../config/address.ts";
import type { SiteConfig } from "../config/site-config.ts";
import { throughMaintenance } from "../operator/maintenance.ts";
import type { Tools } from "../operator/tools.ts";
import type { Timeline } from "./timeline.ts";
import { underLock } from "./under-lock.ts";

/** Seconds for an instance to end: it ships what it has not shipped yet, and EC2 takes its time. */
const END_SECONDS = 600;
/** Seconds for the next instance to have the site, where nothing else is said. */
const SERVE_SECONDS = 900;

/** Whether anything of the site runs, or would be launched. */
export async function isRunning(aws: Aws): Promise<boolean> {
  const [fleets, instances] = await Promise.all([aws.fleets.look(), aws.instances.look()]);
  return fleets.some((f) => f.alive && f.target > 0) || instances.some((i) => i.state !== "terminated");
}

/**
 * Does what no instance may do meanwhile: ends them all, works, and has the fleet launch the next one, which finds what
 * was done. Under the lock, so that no deploy comes between. Visitors get no answer from the end of the old instance
 * until the next one has the site. A site that does not run is left as it is.
 */
export async function whileStopped<T>(
  config: SiteConfig,
  aws: Aws,
  tools: Tools,
  timeline: Timeline,
  work: (signal: AbortSignal) => Promise<T>,
): Promise<T> {
  const interrupted = tools.interrupted();
  const given = { config, aws, tools, timeline, kind: "in-place", interrupted } as const;
  return underLock(given, async ({ step, signal }) => {
    const fleets = (await aws.fleets.settled()).filter((f) => f.alive);
    const spot = fleets.find((f) => !f.bridge);
    try {
      if (await isRunning(aws)) {
        await step("end the running instance", async (detail) => {
          for (const fleet of fleets.filter((f) => f.target > 0)) {
            await aws.fleets.change(fleet.id, { total: 0 });
          }
          detail(await untilEnded(aws, tools, signal));
        });
      }
      return await work(signal);
    } finally {
      // Whatever came of it: what the log says now is what the next one serves.
      if (spot !== undefined) await aws.fleets.change(spot.id, { total: 1 });
    }
  });
}

async function untilEnded(aws: Aws, { clock }: Tools, signal: AbortSignal): Promise<string> {
  const seen = new Set<string>();
  return poll(
    "an instance still runs",
    async () => {
      const left = (await aws.instances.look()).filter((i) => i.state !== "terminated");
      for (const { id } of left) seen.add(id);
      if (left.length === 0) return { done: [...seen].join(", ") };
      const alive = left.filter((i) => i.alive || i.state === "stopped").map((i) => i.id);
      if (alive.length > 0) await aws.instances.terminate(alive);
      return { waiting: left.map((i) => `${i.id} is ${i.state}`).join(", ") };
    },
    { seconds: END_SECONDS, everySeconds: 2, clock, signal },
  );
}

/** Until an instance has the site with a later epoch, and it answers. @returns the instance. */
export async function untilServed(
  config: SiteConfig,
  aws: Aws,
  { clock, probe }: Pick<Tools, "clock" | "probe">,
  epoch: number,
  timeline: Timeline,
): Promise<string> {
  return timeline.step("wait for the next instance", async (detail) => {
    const url = addressOf(config, config.app.health);
    const ask = throughMaintenance(probe, aws.store);
    const owner = await poll(
      "no instance serves the site yet",
      async () => {
        const { value: site } = await readDocument(aws.store, siteDocument);
        if (site === undefined || site.epoch <= epoch || site.state !== "serving") {
          return { waiting: site === undefined ? "no owner yet" : `${site.owner} is ${site.state}` };
        }
        const said = await ask(url);
        return "status" in said && (said.status === 200 || said.maintenance)
          ? { done: site.owner }
          : { waiting: `${url}: ${"error" in said ? said.error : said.status}` };
      },
      {
        ...{ seconds: SERVE_SECONDS, everySeconds: 1, clock },
        hint: "`everspot status --boot` shows how its boot goes on",
      },
    );
    detail(owner);
    return owner;
  });
}
