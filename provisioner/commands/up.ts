import type { BootRecord } from "../../agent/site/boot-record.ts";
import { certificateNames } from "../../agent/site/certificate-names.ts";
import { channelDocument } from "../../agent/site/channel.ts";
import { slownessOf } from "../../agent/site/config/burstable.ts";
import { readDocument } from "../../agent/site/document.ts";
import { applyToTheEnd } from "../apply/change.ts";
import { type Aws, connect } from "../aws/connect.ts";
import { isServed, servesAnything } from "../boots/any-release.ts";
import { secretsOf } from "../boots/console.ts";
import { followBoot } from "../boots/follow.ts";
import { untilOrdered } from "../boots/ordering.ts";
import { RefusedProfile } from "../boots/refused-profile.ts";
import { addressOf } from "../config/address.ts";
import type { SiteConfig } from "../config/site-config.ts";
import { refuseProject } from "../findings/unpackable.ts";
import { throughMaintenance } from "../operator/maintenance.ts";
import { waitUntilReachable } from "../operator/reach.ts";
import { took } from "../operator/terminal.ts";
import type { Tools } from "../operator/tools.ts";
import { dollars } from "../plan/bill.ts";
import { refuse, warningsOf } from "../plan/findings.ts";
import { type Change, type Plan, planOf } from "../plan/plan.ts";
import { movingIn } from "./data/move-in.ts";
import { FirstRelease } from "./first-release.ts";
import { look, showPlan } from "./plan.ts";
import type { ProjectTools } from "./project-tools.ts";

export interface UpOptions {
  refreshImage: boolean;
  /** False: ends after the last change instead of when the site answers. */
  wait: boolean;
  /** Seconds to wait for the site. */
  timeout: number;
}

/** `everspot up`: makes the site match everspot.toml, and ends when it answers. */
export async function runUp(config: SiteConfig, tools: ProjectTools, options: UpOptions): Promise<void> {
  const { terminal, clock } = tools;
  const began = clock.now();
  const aws = await connect(config, tools.clock);
  const first = new FirstRelease(config, tools);
  const gone = new Set<string>();
  try {
    const survey = await look(config, aws, tools, options);
    const plan = planOf(config, survey);
    for (const warning of warningsOf(plan.findings)) terminal.warn(warning);
    const moving = await movingIn(config, aws, survey.seen);
    if (moving !== undefined) terminal.warn(moving);
    const change = accepted(config, plan, gone);
    const { findings, packing } = await first.ready(change, aws.secrets);
    refuseProject(config.site, findings, packing);
    showPlan(terminal, config, aws, plan);
    await agree(config, tools, plan);
    const applied = await applyToTheEnd(change, aws, tools, {
      publishFirstRelease: (store, template) => first.publish(store, template),
      planAgain: async () => accepted(config, planOf(config, await look(config, aws, tools, options)), gone),
    });
    const earlier = { boots: survey.boots, gone };
    const made = applied.find((a) => /^(create|replace)-fleet$/.test(a.do))?.detail?.split(";")[0];
    const site = options.wait
      ? await follow(config, tools, aws, options.timeout, { began, earlier, made })
      : {};
    const seconds = (clock.now() - began) / 1000;
    terminal.json({
      command: "up",
      site: config.site,
      account: aws.caller.account,
      region: config.region,
      url: addressOf(config),
      changed: applied.length > 0,
      actions: applied,
      calls: { reads: aws.calls.reads, writes: aws.calls.writes.length },
      bill: plan.bill,
      ...site,
      seconds,
    });
    terminal.print(
      options.wait
        ? `${terminal.style.green("✓")} ${terminal.style.bold(addressOf(config))} is ${applied.length === 0 ? "up already" : "up"} (${took(seconds)})`
        : `done (${took(seconds)}); \`everspot status\` shows how the boot goes on`,
    );
  } finally {
    await first.discard();
    aws.close();
  }
}

/**
 * @param gone gets the instances that are to be replaced, which are not waited for.
 * @throws EverspotError when the findings stand against it.
 */
function accepted(config: SiteConfig, { findings, change }: Plan, gone: Set<string>): Change {
  refuse(config.site, findings);
  if (change === undefined) throw new Error("a plan without errors has a change");
  for (const action of change.actions) {
    if (action.do === "replace-instance") gone.add(action.instance);
    // A new one is to take the site over from these.
    if (action.do === "replace-fleet") for (const { id } of change.seen.instances) gone.add(id);
  }
  return change;
}

async function agree(
  config: SiteConfig,
  { questions }: Tools,
  { change, findings, bill }: Plan,
): Promise<void> {
  if (change === undefined || change.actions.length === 0) return;
  for (const finding of findings.filter((f) => f.level === "ask")) {
    await questions.agree(`${finding.message}. Go on?`);
  }
  const cost =
    dollars(bill.low) === dollars(bill.high)
      ? dollars(bill.low)
      : `${dollars(bill.low)} to ${dollars(bill.high)}`;
  await questions.agree(`Bring up ${config.site} for about ${cost} a month?`);
}

/** Clocks differ; a fleet's events are asked for from a little before. */
const EARLIER_MS = 300_000;
/** Seconds for the name to resolve and answer from here, once the instance serves; it may still order a certificate. */
const REACH_SECONDS = 180;

/** A machine that may borrow no CPU credits takes so much longer for all it does. */
const slowest = ({ types, credits }: SiteConfig["fleet"]): number =>
  credits === "standard" ? Math.max(...types.map(slownessOf)) : 1;

interface Before {
  /** Milliseconds since the epoch. */
  began: number;
  /** The fleet that was just made. */
  made: string | undefined;
  earlier: { boots: readonly BootRecord[]; gone: ReadonlySet<string> };
}

/** Until the site answers. */
async function follow(config: SiteConfig, tools: Tools, aws: Aws, seconds: number, before: Before) {
  const { began, earlier, made } = before;
  const { terminal, clock, probe } = tools;
  const { say, warn } = terminal;
  // What was just made may not be listed yet.
  const fleet = made ?? (await aws.fleets.look()).find((f) => f.alive && !f.bridge)?.id ?? "";
  // One that serves has no more to say.
  if (!earlier.boots.some(isServed)) say("waiting for the instance:");
  const since = new Date(began - EARLIER_MS);
  const following = {
    ...{ fleet, since, before: earlier.gone, known: earlier.boots, secrets: secretsOf(config) },
    ...{ seconds, clock, say, warn, refused: new RefusedProfile(aws, clock) },
  };
  const { value: channel } = await readDocument(aws.store, channelDocument);
  const wanted = { release: channel?.candidate?.id, boots: earlier.boots };
  const served = await followBoot(aws, following, servesAnything(aws, fleet, wanted));
  const boot = await untilOrdered(aws, certificateNames(config), served, { clock, say });
  if (boot.certificate?.source === "self-signed") {
    warn(
      "there is no certificate yet that visitors trust: the site is served over plain HTTP, and the instance asks for one again by itself (`everspot certificate` shows when)",
    );
  }
  const url = addressOf(config, config.app.health);
  const status = await waitUntilReachable(url, {
    probe: throughMaintenance(probe, aws.store),
    seconds: REACH_SECONDS * slowest(config.fleet),
    clock,
  });
  const latest = (await aws.templates.look())[0]?.latest.version;
  const instance = (await aws.instances.look()).find((i) => i.id === boot.instance);
  if (instance?.templateVersion !== undefined && latest !== undefined && instance.templateVersion < latest) {
    warn(
      `${instance.id} still runs with version ${instance.templateVersion} of the launch template; version ${latest} takes effect at the next launch`,
    );
  }
  return { instance: boot.instance, status, boot };
}
