/** Which of the account's zones the domain's records belong in. */
import type { Aws } from "../aws/connect.ts";
import type { HostedZone } from "../aws/dns.ts";
import type { PublicDns } from "../operator/resolver.ts";

export interface ZoneChoice {
  zone: HostedZone;
  /** Others of the same name. */
  twins: HostedZone[];
}

/**
 * Of the zones that the domain is in, the closest that the world is sent to: a zone that was left over, or made twice,
 * is not asked by anybody. Where that is unknown, the closest.
 */
export async function chooseZone(
  domain: string,
  aws: Aws,
  publicDns: PublicDns,
): Promise<ZoneChoice | undefined> {
  const zones = await aws.dns.zonesOf(domain);
  const zone = (zones.length > 1 ? await delegatedOf(zones, aws, publicDns) : undefined) ?? zones[0];
  return zone && { zone, twins: zones.filter((z) => z.name === zone.name && z.id !== zone.id) };
}

async function delegatedOf(
  zones: readonly HostedZone[],
  aws: Aws,
  publicDns: PublicDns,
): Promise<HostedZone | undefined> {
  const servers = await Promise.all(zones.map((z) => aws.dns.nameServers(z.id)));
  for (const name of new Set(zones.map((z) => z.name))) {
    const seen = await publicDns.nameServers(name);
    if (seen === undefined || seen === "broken") return undefined;
    const found = zones.find((z, i) => z.name === name && servers[i]?.some((s) => seen.includes(s)));
    if (found !== undefined) return found;
  }
  return undefined;
}

/** A name and all above it, up to the zone's own; none when it is not in the zone. */
export function upTo(zone: string, name: string): string[] {
  if (name === zone) return [name];
  if (!name.endsWith(`.${zone}`)) return [];
  return [name, ...upTo(zone, name.slice(name.indexOf(".") + 1))];
}
