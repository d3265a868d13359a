import { keys } from "../../agent/site/names.ts";
import type { Aws } from "../aws/connect.ts";
import { observeAcm, requestsCertificate, withCertificate } from "../certificate/acm.ts";
import type { SiteConfig } from "../config/site-config.ts";
import type { Tools } from "../operator/tools.ts";
import {
  type DnsSeen,
  type ImageOptions,
  observeDns,
  observeSite,
  observeWorld,
  type SiteSeen,
} from "../seen/observe.ts";
import { type Wanted, wantedOf } from "../wanted/wanted.ts";
import type { UpAction } from "./actions.ts";
import { type Bill, billOf } from "./bill.ts";
import type { Finding } from "./findings.ts";
import { preflight } from "./preflight.ts";
import { planUp } from "./up.ts";

/** All that `plan` shows and `up` begins with. Nothing was changed to get it. */
export interface Survey {
  seen: SiteSeen;
  dns: DnsSeen | undefined;
  findings: Finding[];
  bill: Bill;
  /** Undefined when the findings have errors. */
  plan:
    | {
        wanted: Wanted;
        /** The same with the ARN of a certificate that is not requested yet. */
        wantedWith(certificate: string): Wanted;
        actions: UpAction[];
        agentFile: string;
      }
    | undefined;
}

export async function survey(
  config: SiteConfig,
  aws: Aws,
  tools: Pick<Tools, "publicDns" | "agentArchive">,
  options: ImageOptions,
): Promise<Survey> {
  const seen = await observeSite(aws, { settled: true });
  const dns = await observeDns(config, aws, seen);
  const [world, delegation, spot, archive, acm] = await Promise.all([
    observeWorld(config, aws, { seen, dns, ...options }),
    dns === undefined ? undefined : tools.publicDns.nameServers(dns.zone.name),
    aws.market.spotPrices(config.fleet.types),
    tools.agentArchive(config.fleet.arch),
    dns === undefined ? undefined : observeAcm(config, aws, dns.zone.id),
  ]);
  const { account } = aws.caller;
  const findings = preflight({ config, account, seen, dns, world, delegation });
  const running = seen.instances.find((i) => i.alive && i.spot);
  const { types, disk } = config.fleet;
  const images = seen.images.map((i) => i.size);
  const { region } = config;
  const acmNames = requestsCertificate(config) ? 1 + config.aliases.length : 0;
  const bill = billOf({ region, types, spot, running, disk, images, bridge: config.fleet.bridge, acmNames });
  const survey = { seen, dns, findings, bill };
  if (findings.some((f) => f.level === "error") || dns === undefined || world.image === undefined) {
    return { ...survey, plan: undefined };
  }
  const facts = {
    account,
    partition: aws.partition,
    bucket: aws.bucket.name,
    zone: dns.zone.id,
    image: world.image,
    ...(world.baked === undefined ? {} : { baked: world.baked }),
    agent: archive.sha256,
    zones: world.zones,
  };
  const wantedWith = (certificate: string | undefined) =>
    wantedOf(withCertificate(config, facts, certificate), facts);
  const wanted = wantedWith(acm?.current?.arn);
  const hasAgent =
    seen.bucket !== undefined && (await aws.store.head(keys.agent(archive.sha256))) !== undefined;
  const actions = planUp(wanted, { ...seen, hasAgent, acm, zone: dns.zone.id }, world);
  return { ...survey, plan: { wanted, wantedWith, actions, agentFile: archive.file } };
}
