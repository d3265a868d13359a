/** What stands in DNS against a site: its zone, who is asked for it, and the records at its names. Pure. */
import { certificateNames } from "../../agent/site/certificate-names.ts";
import { challengeRecord, fenceRecord } from "../../agent/site/names.ts";
import type { DnsRecord } from "../aws/dns.ts";
import type { SiteConfig } from "../config/site-config.ts";
import type { DnsSeen } from "../seen/observe.ts";
import type { Survey } from "../seen/survey.ts";
import { upTo } from "../seen/zone.ts";
import { caaFindings } from "./caa.ts";
import { error, type Finding } from "./findings.ts";

export interface NamesInput {
  config: SiteConfig;
  account: string;
  dns: DnsSeen | undefined;
  /** Name servers of the zone. */
  world: { nameServers: readonly string[] };
  /** The zone's. */
  delegation: Survey["delegation"];
  /** CAA records of the closest name above the zone that has any. */
  caaAbove: readonly string[];
}

export function nameFindings(input: NamesInput): Finding[] {
  const { config, account, dns, caaAbove } = input;
  if (dns === undefined) {
    return [
      error(
        `no public hosted zone for ${config.domain} in the account ${account}`,
        "create one in Route 53 for this domain or one above it, or use the credentials of the account that has it",
      ),
    ];
  }
  return [
    ...outsideFindings(config, dns),
    ...delegationFindings(input, dns),
    ...cutFindings(config, dns),
    ...recordFindings(config, dns),
    ...challengeFindings(config, dns),
    ...ownerFindings(config, dns),
    ...caaFindings(config, dns, caaAbove),
  ];
}

function outsideFindings(config: SiteConfig, { zone }: DnsSeen): Finding[] {
  const outside = config.aliases.filter((alias) => upTo(zone.name, alias).length === 0);
  return outside.map((alias) =>
    error(
      `the alias ${alias} is not in the hosted zone ${zone.name}`,
      "all names of a site are in one hosted zone",
    ),
  );
}

/** Other name servers are advised only where the domain answers no one now: all else of it would go dark. */
function delegationFindings({ world, delegation }: NamesInput, { zone, twins }: DnsSeen): Finding[] {
  const { name } = zone;
  const wanted = world.nameServers.join(", ");
  if (delegation === "broken") {
    return [
      error(
        `resolvers cannot look up ${name} (SERVFAIL)`,
        `look where it is registered: if its name servers are ${wanted} there, its DNSSEC is broken, so take out its DS record; if they are those of a zone that was deleted, set these`,
      ),
    ];
  }
  if (delegation === undefined) {
    const message = `whether ${name} is delegated could not be checked: no resolver answered`;
    if (twins.length === 0) return [{ level: "note", message }];
    const ids = [zone, ...twins].map((z) => z.id).join(", ");
    return [
      error(
        `which of the ${1 + twins.length} hosted zones ${name} (${ids}) is in use could not be checked: no resolver answered`,
        "run it again where DNS works",
      ),
    ];
  }
  if (delegation.some((server) => world.nameServers.includes(server))) return [];
  if (delegation.length === 0) {
    return [
      error(
        `${name} is not delegated: DNS knows no name servers for it`,
        `where ${name} is registered, set its name servers to ${wanted}`,
      ),
    ];
  }
  return [
    error(
      `${name} is delegated to other name servers: ${[...delegation].sort().join(", ")}`,
      `use the hosted zone that has these, perhaps in another account. Before you ever set other name servers (${wanted}), copy every record of ${name} to their zone: mail and all else depends on them`,
    ),
  ];
}

/** NS records below the zone's own name hand a name, and all below it, to other servers. */
function cutFindings(config: SiteConfig, { zone, records }: DnsSeen): Finding[] {
  const used = [config.domain, ...config.aliases, fenceRecord(config.domain), ...challenges(config)];
  const below = new Set(used.flatMap((name) => upTo(zone.name, name)).filter((name) => name !== zone.name));
  return records
    .filter((r) => r.type === "NS" && below.has(r.name))
    .map((r) =>
      error(
        `${r.name} is delegated away from the hosted zone ${zone.name}: its NS record names ${r.values.map(bare).join(", ")}`,
        `use the account that has the zone ${r.name} of these servers; or delete the NS record, if nothing needs it`,
      ),
    );
}

function recordFindings(config: SiteConfig, dns: DnsSeen): Finding[] {
  return [config.domain, ...config.aliases].flatMap((name) => {
    const at = dns.records.filter((r) => r.name === name);
    const addresses = at.filter((r) => r.type === "A" || r.type === "AAAA");
    const routed = addresses.filter((r) => r.wire.SetIdentifier !== undefined);
    const plain = addresses.filter((r) => r.wire.SetIdentifier === undefined);
    return [
      ...at.filter((r) => r.type === "CNAME").map((r) => inTheWay(name, `a CNAME record to ${r.values[0]}`)),
      ...(routed.length === 0 ? [] : [routedFinding(name, routed)]),
      ...plain
        .filter((r) => r.type === "A" && r.wire.AliasTarget !== undefined)
        .map((r) => inTheWay(name, `an alias record to ${r.wire.AliasTarget?.DNSName}`)),
      ...plain
        .filter((r) => r.type === "AAAA")
        .map((r) =>
          error(
            `${name} has an AAAA record (${r.wire.AliasTarget?.DNSName ?? r.values.join(", ")}): visitors over IPv6 would go there, not to this site`,
            "delete the AAAA record, or choose another domain",
          ),
        ),
    ];
  });
}

const inTheWay = (name: string, what: string): Finding =>
  error(
    `${name} has ${what}`,
    "everspot needs this name for itself: delete the record, or choose another domain",
  );

/** The site's address is one simple record; Route 53 takes none beside these. */
function routedFinding(name: string, records: readonly DnsRecord[]): Finding {
  const each = records.map((r) => `${r.type} "${r.wire.SetIdentifier}" ${policyOf(r)}`);
  return error(
    `${name} has records with a routing policy: ${each.join(", ")}`,
    `delete all of them in the Route 53 console (everspot makes a simple A record of ${name}), or choose another domain`,
  );
}

function policyOf({ wire }: DnsRecord): string {
  if (wire.Weight !== undefined) return `(weight ${wire.Weight})`;
  if (wire.Region !== undefined) return `(latency, ${wire.Region})`;
  if (wire.Failover !== undefined) return `(failover, ${wire.Failover.toLowerCase()})`;
  if (wire.MultiValueAnswer) return "(multivalue)";
  return "(by place)";
}

const challenges = (config: SiteConfig): string[] =>
  config.certificate.source === "letsencrypt" ? certificateNames(config).map(challengeRecord) : [];

/** The authority follows a CNAME to where everspot's answer is not, and Route 53 takes no TXT beside it. */
function challengeFindings(config: SiteConfig, { records }: DnsSeen): Finding[] {
  const names = challenges(config);
  return records
    .filter((r) => r.type === "CNAME" && names.includes(r.name))
    .map((r) =>
      error(
        `${r.name} has a CNAME record to ${r.values[0]}`,
        "the certificate's challenge is answered there: delete the record",
      ),
    );
}

function ownerFindings(config: SiteConfig, dns: DnsSeen): Finding[] {
  if (dns.ours) return [];
  if (dns.fence !== undefined) {
    const owner = `the instance ${dns.fence.owner} of another everspot site holds ${config.domain}`;
    return [
      error(
        owner,
        `run \`everspot down\` for that site; if it is long gone, delete the TXT record ${fenceRecord(config.domain)}`,
      ),
    ];
  }
  const names = [config.domain, ...config.aliases];
  const { records } = dns;
  return records
    .filter((r) => names.includes(r.name) && r.type === "A")
    .filter((r) => r.wire.AliasTarget === undefined && r.wire.SetIdentifier === undefined)
    .map((r) => ({
      level: "ask" as const,
      message: `${r.name} now points to ${r.values.join(", ")}, which is not everspot's; it will point to this site instead`,
    }));
}

const bare = (name: string): string => name.replace(/\.$/, "");
