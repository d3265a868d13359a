import { readDocument, updateDocument } from "../../agent/site/document.ts";
import { type SiteState, siteDocument } from "../../agent/site/documents/site-state.ts";
import { EverspotError, messageOf } from "../../agent/site/errors.ts";
import { poll } from "../../agent/site/poll.ts";
import { type Aws, connect } from "../aws/connect.ts";
import { NOTICE_SECONDS } from "../aws/interruption/fis.ts";
import { clearInterruption, interrupt } from "../aws/interruption/interrupt.ts";
import { addressOf } from "../config/address.ts";
import type { SiteConfig } from "../config/site-config.ts";
import { type Drill, drillsDocument, withDrill } from "../history/drills.ts";
import { type Downtime, downtimeOf } from "../operator/downtime.ts";
import { Prober } from "../operator/prober.ts";
import { took } from "../operator/terminal.ts";
import type { Tools } from "../operator/tools.ts";

export interface DrillOptions {
  /** Without notice, instead of the way AWS interrupts. */
  terminate: boolean;
  /** Seconds of downtime that are still a success; undefined: any. */
  maxDowntime: number | undefined;
  /** Seconds to wait until the site is back. */
  timeout: number;
}

/** Seconds the site must answer before the instance is interrupted. */
const CALM_SECONDS = 3;
/** Seconds without a failure after the hand-over that end the drill; resolvers have followed by then. */
const WELL_SECONDS = 10;
/** The notice, and what EC2 takes to end the instance after it. */
const END_SECONDS = NOTICE_SECONDS + 120;

/**
 * `everspot drill`: interrupts the running instance for real, and measures from outside what visitors notice. A
 * spot instance is interrupted with AWS's own notice, by the Fault Injection Service; where the account does not allow
 * that, and with `--terminate`, it is terminated without any.
 */
export async function runDrill(config: SiteConfig, tools: Tools, options: DrillOptions): Promise<void> {
  const { terminal, clock } = tools;
  const url = addressOf(config, config.app.health);
  const aws = await connect(config, tools.clock);
  const prober = new Prober(url, tools.probe, clock);
  try {
    const state = await serving(aws);
    await calm(prober, tools, url);
    const begun = await interruptOwner(aws, state.owner, config, tools, options);
    const { began, way } = begun;
    try {
      const next = await successor(aws, state, tools, options.timeout, begun.signal);
      const handedOver = (clock.now() - began) / 1000;
      terminal.say(`  ${next.owner} owns the site after ${took(handedOver)}`);
      if (way === "interruption") await ended(aws, state.owner, tools, begun.signal);
      await well(prober, tools, options.timeout);
      const downtime = downtimeOf(await prober.stop());
      const drill: Drill = {
        at: new Date(began).toISOString(),
        by: tools.holder,
        way,
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
      if (way === "interruption") await clear(aws, terminal);
    }
  } finally {
    await prober.stop();
    aws.close();
  }
}

interface Begun {
  way: Drill["way"];
  /** Milliseconds since the epoch. */
  began: number;
  signal: AbortSignal | undefined;
}

async function interruptOwner(
  aws: Aws,
  owner: string,
  config: SiteConfig,
  tools: Tools,
  { terminate }: DrillOptions,
): Promise<Begun> {
  const { terminal, clock, questions } = tools;
  const spot = (await aws.instances.look()).find((i) => i.id === owner)?.spot;
  if (!terminate && spot === true) {
    await questions.agree(
      `Interrupt ${owner}, which serves ${config.domain}, with AWS's notice of ${NOTICE_SECONDS / 60} minutes?`,
    );
    // What is made for it must be removed again.
    const signal = tools.interrupted();
    try {
      await interrupt(aws, owner, { region: config.region, clock, signal });
      terminal.say(`  ${owner} has AWS's notice: it ends in ${NOTICE_SECONDS / 60} minutes`);
      return { way: "interruption", began: clock.now(), signal };
    } catch (error) {
      await clear(aws, terminal);
      signal.throwIfAborted();
      terminal.warn(`no interruption with notice: ${messageOf(error)}`);
    }
  } else if (!terminate) {
    terminal.warn(`no interruption with notice: ${owner} is not a spot instance`);
  }
  await questions.agree(`Terminate ${owner}, which serves ${config.domain}, without notice?`);
  const began = clock.now();
  await aws.instances.terminate([owner]);
  terminal.say(`  ${owner} is being terminated`);
  return { way: "terminate", began, signal: undefined };
}

async function clear(aws: Aws, { warn }: Pick<Tools["terminal"], "warn">): Promise<void> {
  await clearInterruption(aws).catch((error: unknown) =>
    warn(`what the drill made is still there; the next drill or \`down\` removes it: ${messageOf(error)}`),
  );
}

/** A drill is not over before the old instance is gone: visitors who still reach it lose it only then. */
async function ended(
  aws: Aws,
  old: string,
  { clock, terminal }: Tools,
  signal: AbortSignal | undefined,
): Promise<void> {
  await poll(
    `${old} is still there`,
    async () => {
      const state = (await aws.instances.look()).find((i) => i.id === old)?.state ?? "gone";
      return /^(pending|running)$/.test(state) ? { waiting: state } : { done: true };
    },
    { seconds: END_SECONDS, everySeconds: 2, clock, signal },
  );
  terminal.say(`  ${old} is gone`);
}

async function serving(aws: Aws): Promise<SiteState> {
  const { value: state } = await readDocument(aws.store, siteDocument);
  if (state?.state === "serving") return state;
  throw new EverspotError(
    state === undefined ? "no instance has served this site yet" : `${state.owner} is still taking over`,
    { hint: "a drill needs a site that is up; `everspot status` shows its state" },
  );
}

async function calm(prober: Prober, { clock }: Tools, url: string): Promise<void> {
  await clock.sleep(CALM_SECONDS * 1000);
  const failed = prober.samples.find((s) => s.failure !== undefined);
  if (failed === undefined && prober.samples.length > 0) return;
  throw new EverspotError(`${url} does not answer even before the drill: ${failed?.failure ?? "no answer"}`, {
    resource: url,
    hint: "fix that first; nothing was interrupted",
  });
}

async function successor(
  aws: Aws,
  old: SiteState,
  tools: Tools,
  seconds: number,
  signal: AbortSignal | undefined,
): Promise<SiteState> {
  return poll(
    "no other instance has taken the site over",
    async () => {
      const { value: state } = await readDocument(aws.store, siteDocument);
      if (state !== undefined && state.epoch > old.epoch && state.state === "serving") return { done: state };
      return { waiting: state === undefined ? "it has no owner" : `${state.owner} is ${state.state}` };
    },
    {
      ...{ seconds, everySeconds: 1, clock: tools.clock },
      hint: "`everspot status` shows how its boot goes on",
      signal,
    },
  );
}

async function well(prober: Prober, { clock }: Tools, seconds: number): Promise<void> {
  const started = clock.now();
  await poll(
    "the site does not answer reliably",
    async () => {
      const failed = prober.samples.findLast((s) => s.failure !== undefined);
      const since = Math.max(started, failed === undefined ? 0 : failed.at + failed.milliseconds);
      if (clock.now() - since >= WELL_SECONDS * 1000) return { done: true };
      return { waiting: failed?.failure ?? "answers" };
    },
    { seconds: seconds + WELL_SECONDS, everySeconds: 1, clock },
  );
}

/** The measurement is done: a failure to store it must not hide it. */
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
    `${passed ? style.green("✓") : style.red("✗")} ${drill.from} was ${drill.way === "terminate" ? "terminated without" : "interrupted with"} notice, ${drill.to} took over after ${took(drill.handedOver)}`,
  );
  terminal.print(
    `downtime ${took(downtime.seconds)}; ${downtime.failed} of ${downtime.requests} requests failed`,
  );
  for (const [failure, count] of Object.entries(downtime.failures))
    terminal.print(`  ${String(count).padStart(5)} × ${failure}`);
  if (!passed) {
    throw new EverspotError(`the site was down for ${took(downtime.seconds)}, more than ${maxDowntime} s`, {
      hint: "`everspot history` shows where the boot spent its time",
    });
  }
}
