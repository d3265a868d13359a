import { readDocument, updateDocument } from "../../agent/site/document.ts";
import { EverspotError, messageOf } from "../../agent/site/errors.ts";
import { poll } from "../../agent/site/poll.ts";
import { type SiteState, siteDocument } from "../../agent/site/records.ts";
import { type Aws, connect } from "../aws/connect.ts";
import { took } from "../cli/terminal.ts";
import type { SiteConfig } from "../config/site-config.ts";
import { type Downtime, downtimeOf } from "../drill/downtime.ts";
import { Prober } from "../drill/prober.ts";
import { type Drill, drillsDocument, withDrill } from "../drill/record.ts";
import type { Tools } from "./tools.ts";

export interface DrillOptions {
  /** Seconds of downtime that are still a success; undefined: any. */
  maxDowntime: number | undefined;
  /** Seconds to wait until the site is back. */
  timeout: number;
}

/** Seconds the site must answer before the instance is interrupted. */
const CALM_SECONDS = 3;
/** Seconds without a failure after the hand-over that end the drill; resolvers have followed by then. */
const WELL_SECONDS = 10;

/** `everspot drill`: interrupts the running instance for real, and measures from outside what visitors have of it. */
export async function runDrill(config: SiteConfig, tools: Tools, options: DrillOptions): Promise<void> {
  const { terminal, clock } = tools;
  const url = `https://${config.domain}${config.app.health}`;
  const aws = await connect(config);
  const prober = new Prober(url, tools.probe, clock);
  try {
    const state = await serving(aws);
    await calm(prober, tools, url);
    await tools.questions.agree(`Terminate ${state.owner}, which serves ${config.domain}, without notice?`);
    const began = clock.now();
    await aws.instances.terminate([state.owner]);
    terminal.say(`  ${state.owner} is being terminated`);

    const next = await successor(aws, state, tools, options.timeout);
    const handedOver = (clock.now() - began) / 1000;
    terminal.say(`  ${next.owner} owns the site after ${took(handedOver)}`);
    await well(prober, tools, options.timeout);
    const downtime = downtimeOf(await prober.stop());
    const drill: Drill = {
      at: new Date(began).toISOString(),
      by: tools.holder,
      way: "terminate",
      from: state.owner,
      to: next.owner,
      handedOver: Math.round(handedOver * 100) / 100,
      downtime: downtime.seconds,
      requests: downtime.requests,
      failed: downtime.failed,
    };
    await keep(aws, drill, tools);
    tell(drill, downtime, config, tools, options);
  } finally {
    await prober.stop();
    aws.close();
  }
}

async function serving(aws: Aws): Promise<SiteState> {
  const { value: state } = await readDocument(aws.store, siteDocument);
  if (state?.state === "serving") return state;
  throw new EverspotError(
    state === undefined ? "no instance has served this site yet" : `${state.owner} is still taking over`,
    { hint: "a drill needs a site that is up; `everspot status` shows how it is" },
  );
}

async function calm(prober: Prober, { clock }: Tools, url: string): Promise<void> {
  await clock.sleep(CALM_SECONDS * 1000);
  const failed = prober.samples.find((s) => s.failure !== undefined);
  if (failed === undefined && prober.samples.length > 0) return;
  throw new EverspotError(`${url} does not answer before the drill: ${failed?.failure ?? "no answer"}`, {
    resource: url,
    hint: "put that right first; nothing was interrupted",
  });
}

async function successor(aws: Aws, old: SiteState, tools: Tools, seconds: number): Promise<SiteState> {
  return poll(
    "no other instance has taken the site over",
    async () => {
      const { value: state } = await readDocument(aws.store, siteDocument);
      if (state !== undefined && state.epoch > old.epoch && state.state === "serving") return { done: state };
      return { waiting: `${state?.owner ?? "nobody"} is ${state?.state ?? "the owner"}` };
    },
    { seconds, everySeconds: 1, clock: tools.clock, hint: "`everspot status` shows how its boot goes on" },
  );
}

async function well(prober: Prober, { clock }: Tools, seconds: number): Promise<void> {
  const started = clock.now();
  await poll(
    "the site does not answer steadily",
    async () => {
      const failed = prober.samples.findLast((s) => s.failure !== undefined);
      const since = Math.max(started, failed === undefined ? 0 : failed.at + failed.milliseconds);
      if (clock.now() - since >= WELL_SECONDS * 1000) return { done: true };
      return { waiting: failed?.failure ?? "answers" };
    },
    { seconds: seconds + WELL_SECONDS, everySeconds: 1, clock },
  );
}

/** The measurement is done: that it could not be kept must not hide it. */
async function keep(aws: Aws, drill: Drill, { terminal, clock }: Tools): Promise<void> {
  const change = (before: { drills: Drill[] } | undefined) => ({
    version: 1 as const,
    drills: withDrill(before?.drills ?? [], drill),
  });
  await updateDocument(aws.store, drillsDocument, change, clock).catch((error: unknown) =>
    terminal.warn(`the drill is not in the history: ${messageOf(error)}`),
  );
}

function tell(
  drill: Drill,
  downtime: Downtime,
  config: SiteConfig,
  { terminal }: Tools,
  { maxDowntime }: DrillOptions,
): void {
  const passed = maxDowntime === undefined || downtime.seconds <= maxDowntime;
  terminal.json({
    command: "drill",
    site: config.site,
    passed,
    maxDowntime,
    ...drill,
    longest: downtime.longest,
    failures: downtime.failures,
  });
  const { style } = terminal;
  terminal.print(
    `${passed ? style.green("✓") : style.red("✗")} ${drill.from} was terminated, ${drill.to} took over after ${took(drill.handedOver)}`,
  );
  terminal.print(
    `downtime ${took(downtime.seconds)}; ${downtime.failed} of ${downtime.requests} requests failed`,
  );
  for (const [failure, count] of Object.entries(downtime.failures))
    terminal.print(`  ${String(count).padStart(5)} × ${failure}`);
  if (!passed) {
    throw new EverspotError(`the site was down for ${took(downtime.seconds)}, more than ${maxDowntime} s`, {
      hint: "`everspot history` shows what the boot spent its time on",
    });
  }
}
