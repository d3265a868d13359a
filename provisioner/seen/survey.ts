import type { BootRecord } from "../../agent/site/boot-record.ts";
import { keys } from "../../agent/site/names.ts";
import { readBoot } from "../aws/boot-records.ts";
import type { Aws } from "../aws/connect.ts";
import type { LimitsSeen } from "../aws/limits.ts";
import type { LogsSeen } from "../aws/logs/logs.ts";
import type { SpotPrice } from "../aws/market.ts";
import type { SiteConfig } from "../config/site-config.ts";
import type { Delegation } from "../operator/resolver.ts";
import type { AgentArchive, Tools } from "../operator/tools.ts";
import { type AcmSeen, observeAcm } from "./acm.ts";
import { type NoticesSeen, observeNotices } from "./notices.ts";
import {
  type DnsSeen,
  type ImageOptions,
  observeDns,
  observeSite,
  observeWorld,
  type SiteSeen,
  type World,
} from "./observe.ts";

/** Everything a plan is made from, gathered without changing anything. */
export interface Survey {
  account: string;
  partition: string;
  /** Name of the site's bucket, whether it is there or not. */
  bucket: string;
  seen: SiteSeen;
  dns: DnsSeen | undefined;
  world: World;
  /** The zone's. */
  delegation: Delegation;
  /** CAA records of the closest name above the zone that has any; none when they could not be asked for. */
  caaAbove: readonly string[];
  spot: readonly SpotPrice[];
  /** When `up` is to request a certificate from ACM. */
  acm: AcmSeen | undefined;
  /** What the account may start; undefined where it was not asked. */
  limits: LimitsSeen | undefined;
  /** Where notices go; undefined where it was not asked. */
  notices: NoticesSeen | undefined;
  /** The site's log group; "unasked" where only `up` is concerned with it. */
  logs: LogsSeen | "unasked" | undefined;
  /** How the instances that are alive come up, as far as they said. */
  boots: readonly BootRecord[];
  /** Names of those that are set; none where `up` makes none. */
  secrets: readonly string[];
  /** `there`: whether it is in the bucket. */
  agent: AgentArchive & { there: boolean };
}

export async function survey(
  config: SiteConfig,
  aws: Aws,
  tools: Pick<Tools, "publicDns" | "agentArchive">,
  /** `limits`: also what only `up` has to do with. */
  options: ImageOptions & { limits?: boolean },
): Promise<Survey> {
  const seen = await observeSite(aws, { settled: true });
  const dns = await observeDns(config, aws, tools.publicDns, seen);
  const alive = seen.bucket === undefined ? [] : seen.instances.filter((i) => i.alive);
  const { site } = config;
  const { types } = config.fleet;
  const begins = seen.network.vpcs.length === 0;
  const [world, delegation, caaAbove, spot, agent, acm, boots, limits, secrets, notices, logs] =
    await Promise.all([
      observeWorld(config, aws, { seen, dns, ...options }),
      dns === undefined ? undefined : tools.publicDns.nameServers(dns.zone.name),
      dns === undefined ? [] : tools.publicDns.caa(dns.zone.name.replace(/^[^.]+\.?/, "")),
      aws.market.spotPrices(config.fleet.types),
      tools.agentArchive(config.fleet.arch),
      dns === undefined ? undefined : observeAcm(config, aws, dns.zone.id),
      Promise.all(alive.map((i) => readBoot(aws, i.id))),
      options.limits === true ? aws.limits.look({ site, types, begins }) : undefined,
      config.app.randomSecrets.length === 0 ? [] : aws.secrets.list(),
      options.limits === true ? observeNotices(config, aws) : undefined,
      options.limits === true ? aws.logs.look() : ("unasked" as const),
    ]);
  const there = seen.bucket !== undefined && (await aws.store.head(keys.agent(agent.sha256))) !== undefined;
  return {
    ...{ account: aws.caller.account, partition: aws.partition, bucket: aws.bucket.name },
    ...{ seen, dns, world, delegation, caaAbove: caaAbove ?? [], spot, acm, limits, notices, logs },
    ...{ boots: boots.filter((b) => b !== undefined), secrets: secrets.map((s) => s.name) },
    agent: { ...agent, there },
  };
}
