/** From what there is and what is wanted to what would be done. Data only: nothing is asked and nothing is changed. */
import type { SiteConfig } from "../config/site-config.ts";
import type { SiteSeen } from "../seen/observe.ts";
import type { Survey } from "../seen/survey.ts";
import { requestsCertificate } from "../wanted/certificate.ts";
import { type Facts, type Wanted, wantedOf } from "../wanted/wanted.ts";
import type { UpAction } from "./actions.ts";
import { type Bill, billOf } from "./bill.ts";
import type { Finding } from "./findings.ts";
import { jobsLine } from "./jobs.ts";
import { preflight } from "./preflight.ts";
import { stateLine } from "./state-bill.ts";
import { planUp } from "./up.ts";

/** What `plan` shows and `up` begins with. */
export interface Plan {
  findings: Finding[];
  bill: Bill;
  /** Undefined when the findings have errors. */
  change: Change | undefined;
}

/** What is to be done, with everything needed to do it. */
export interface Change {
  /** In order; none when the site is as wanted. */
  actions: readonly UpAction[];
  config: SiteConfig;
  facts: Facts;
  wanted: Wanted;
  seen: SiteSeen;
  agent: Survey["agent"];
}

export function planOf(config: SiteConfig, survey: Survey): Plan {
  const { seen, dns, world, acm, agent, boots, secrets, notices, logs } = survey;
  const findings = preflight({ config, ...survey });
  const plan = { findings, bill: bill(config, survey) };
  if (findings.some((f) => f.level === "error") || dns === undefined || world.image === undefined) {
    return { ...plan, change: undefined };
  }
  const facts = {
    ...{ account: survey.account, partition: survey.partition, bucket: survey.bucket },
    hostedZone: dns.zone.id,
    image: world.image,
    baked: world.baked,
    agent: agent.sha256,
    zones: world.zones,
  };
  const wanted = wantedOf(config, facts, acm?.current?.arn);
  const there = { hasAgent: agent.there, boots, acm, zone: dns.zone.id, secrets, notices, logs };
  const actions = planUp(wanted, { ...seen, ...there }, world);
  return { ...plan, change: { actions, config, facts, wanted, seen, agent } };
}

function bill(config: SiteConfig, { seen, spot }: Survey): Bill {
  const { region } = config;
  const { types, disk, bridge, credits } = config.fleet;
  const running = seen.instances.find((i) => i.alive && i.spot);
  const images = seen.images.map((i) => i.size);
  const acmNames = requestsCertificate(config) ? 1 + config.aliases.length : 0;
  const state = config.state && stateLine(config.state);
  return billOf({
    region,
    types,
    spot,
    running,
    disk,
    images,
    bridge,
    credits,
    acmNames,
    state,
    jobs: jobsLine(config),
    logs: config.logs,
  });
}
