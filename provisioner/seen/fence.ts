import { type Fence, parseFence } from "../../agent/site/fence.ts";
import { fenceRecord } from "../../agent/site/names.ts";
import type { Aws } from "../aws/connect.ts";
import type { SiteConfig } from "../config/site-config.ts";
import type { PublicDns } from "../operator/resolver.ts";
import { chooseZone } from "./zone.ts";

/** Whom the domain's fence record names; undefined without one, or without a zone. */
export async function lookAtFence(
  { domain }: SiteConfig,
  aws: Aws,
  publicDns: PublicDns,
): Promise<Fence | undefined> {
  const chosen = await chooseZone(domain, aws, publicDns);
  if (chosen === undefined) return undefined;
  const name = fenceRecord(domain);
  const records = await aws.dns.recordsAt(chosen.zone.id, [name]);
  const text = records.find((r) => r.name === name && r.type === "TXT")?.values[0];
  return parseFence(text?.replace(/^"|"$/g, "") ?? "");
}
