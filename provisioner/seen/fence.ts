import type { SiteState } from "../../agent/site/documents/site-state.ts";
import { type Fence, parseFence } from "../../agent/site/fence.ts";
import { fenceRecord } from "../../agent/site/names.ts";
import type { Aws } from "../aws/connect.ts";
import type { InstanceSeen } from "../aws/instances.ts";
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

/**
 * The instance that serves a site of this name at another domain: whoever serves has a fence record at its own. Two
 * projects that have taken the same name would share a bucket, and what one of them has written.
 * @param fence at the domain that is asked for.
 */
export function servesElsewhere(
  state: SiteState | undefined,
  instances: readonly Pick<InstanceSeen, "id" | "alive">[],
  fence: Fence | undefined,
): string | undefined {
  if (fence !== undefined || state?.state !== "serving") return undefined;
  return instances.some((i) => i.alive && i.id === state.owner) ? state.owner : undefined;
}

/** What is said of it, and what to do. */
export const anothers = ({ site, domain }: Pick<SiteConfig, "site" | "domain">, instance: string) => ({
  message: `a site named ${site} exists already, and ${instance} serves it at another domain than ${domain}`,
  hint: `a site's name must be unique in an account: if that site is another project's, choose another name. To move this one to ${domain}, run \`everspot down\` with the earlier configuration, which keeps its data, then \`everspot up\``,
});
