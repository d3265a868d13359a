import { type Applied, runActions } from "../apply/run.ts";
import { upExecutor } from "../apply/up.ts";
import { type Aws, connect } from "../aws/connect.ts";
import { ReplyLost } from "../aws/errors.ts";
import { servesAnything } from "../boots/any-release.ts";
import { followBoot } from "../boots/follow.ts";
import type { SiteConfig } from "../config/site-config.ts";
import { waitUntilReachable } from "../operator/reach.ts";
import { took } from "../operator/terminal.ts";
import type { Tools } from "../operator/tools.ts";
import { describeUp } from "../plan/actions.ts";
import { dollars } from "../plan/bill.ts";
import { refuse, showFindings } from "../plan/findings.ts";
import type { Survey } from "../plan/survey.ts";
import { look, showPlan } from "./plan.ts";

export interface UpOptions {
  refreshImage: boolean;
  /** Stop after the last change instead of when the site answers. */
  wait: boolean;
  /** Seconds to wait for the site. */
  timeout: number;
}

/** Seconds an action may meet what AWS has not finished yet. */
const PATIENCE = 60;
/** How often the rest is planned anew after a call that got no answer. */
const ROUNDS = 8;
/** Seconds until EC2 shows what such a call made. */
const LOST_PAUSE = 3;
/** Clocks differ; a fleet's events are asked for from a little before. */
const EARLIER_MS = 300_000;
/** Seconds for the name to resolve and answer from here, once the instance serves. */
const REACH_SECONDS = 180;

/** `everspot up`: makes the site as everspot.toml wants it, and ends when it answers. */
export async function runUp(config: SiteConfig, tools: Tools, options: UpOptions): Promise<void> {
  const { terminal, clock } = tools;
  const began = clock.now();
  const aws = await connect(config, tools.clock);
  try {
    const first = await look(config, aws, tools, options);
    showFindings(terminal, first.findings);
    refuse(config.site, first.findings);
    showPlan(terminal, config, first);
    await agree(config, tools, first);
    const applied = await converge(config, tools, aws, options, first);
    const result = options.wait
      ? await waitForSite(config, tools, aws, options, new Date(began - EARLIER_MS))
      : {};
    const seconds = (clock.now() - began) / 1000;
    terminal.json({
      command: "up",
      site: config.site,
      url: `https://${config.domain}/`,
      changed: applied.length > 0,
      actions: applied,
      calls: { reads: aws.calls.reads, writes: aws.calls.writes.length },
      bill: first.bill,
      ...result,
      seconds,
    });
    terminal.print(
      options.wait
        ? `${terminal.style.green("✓")} ${terminal.style.bold(`https://${config.domain}/`)} is up (${took(seconds)})`
        : `done (${took(seconds)}); \`everspot status\` shows how the boot goes on`,
    );
  } finally {
    aws.close();
  }
}

async function agree(
  config: SiteConfig,
  { questions }: Tools,
  { plan, findings, bill }: Survey,
): Promise<void> {
  if (plan === undefined || plan.actions.length === 0) return;
  for (const finding of findings.filter((f) => f.level === "ask")) {
    await questions.agree(`${finding.message}. Go on?`);
  }
  const cost =
    dollars(bill.low) === dollars(bill.high)
      ? dollars(bill.low)
      : `${dollars(bill.low)} to ${dollars(bill.high)}`;
  await questions.agree(`Bring up ${config.site} for about ${cost} a month?`);
}

/**
 * Applies the plan. After a call that got no answer and cannot be repeated, looks what there is and plans the rest.
 */
async function converge(
  config: SiteConfig,
  tools: Tools,
  aws: Aws,
  options: UpOptions,
  first: Survey,
): Promise<Applied[]> {
  const { terminal, clock } = tools;
  const applied: Applied[] = [];
  let current = first;
  for (let round = 1; ; round++) {
    const { plan, seen } = current;
    if (plan === undefined) {
      refuse(config.site, current.findings);
      throw new Error("a survey without errors has a plan");
    }
    try {
      const execute = upExecutor(aws, plan.wanted, seen, {
        agentFile: plan.agentFile,
        wantedWith: plan.wantedWith,
        clock,
        publishFirstRelease: () => tools.publishFirstRelease(config, aws.store, terminal.say),
      });
      const how = { describe: describeUp, execute, progress: terminal, patience: PATIENCE, clock };
      applied.push(...(await runActions(plan.actions, how)));
      return applied;
    } catch (error) {
      if (!(error instanceof ReplyLost) || round === ROUNDS) throw error;
      terminal.warn(`${error.message}; looking`);
      await clock.sleep(LOST_PAUSE * 1000);
      current = await look(config, aws, tools, options);
    }
  }
}

async function waitForSite(config: SiteConfig, tools: Tools, aws: Aws, options: UpOptions, since: Date) {
  const { terminal, clock, probe } = tools;
  const fleet = (await aws.fleets.look()).find((f) => f.alive && !f.bridge)?.id ?? "";
  terminal.say("waiting for the instance:");
  const { say, warn } = terminal;
  const following = { fleet, since, seconds: options.timeout, clock, say, warn };
  const boot = await followBoot(aws, following, servesAnything(aws, fleet));
  if (boot.certificate?.source === "self-signed") {
    terminal.warn(
      "there is no certificate that visitors trust yet: plain HTTP serves, and the instance asks for one again by itself (`everspot certificate` shows when)",
    );
  }
  const url = `https://${config.domain}${config.app.health}`;
  const status = await waitUntilReachable(url, { probe, seconds: REACH_SECONDS, clock });
  const now = await aws.instances.look();
  const latest = (await aws.templates.look())[0]?.latest.version;
  const instance = now.find((i) => i.id === boot.instance);
  if (instance?.templateVersion !== undefined && latest !== undefined && instance.templateVersion < latest) {
    terminal.warn(
      `${instance.id} still runs with version ${instance.templateVersion} of the launch template; version ${latest} counts from the next launch on`,
    );
  }
  return { instance: boot.instance, status, boot };
}
