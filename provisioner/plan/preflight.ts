import { fenceRecord, SITE_TAG } from "../../agent/site/names.ts";
import { imageParameter } from "../aws/images.ts";
import type { SiteConfig } from "../config/site-config.ts";
import type { DnsSeen, SiteSeen, World } from "../seen/observe.ts";
import { withCertificate } from "../wanted/certificate.ts";
import { instancePolicy } from "../wanted/instance-policy.ts";
import { unpriced } from "./ceiling.ts";
import type { Finding } from "./findings.ts";

export interface PreflightInput {
  config: SiteConfig;
  account: string;
  partition: string;
  seen: SiteSeen;
  dns: DnsSeen | undefined;
  world: World;
  /** What resolvers know of the zone's delegation; see PublicDns. */
  delegation: readonly string[] | undefined;
}

/** Everything that stands against `up`, found before it changes anything. */
export function preflight(input: PreflightInput): Finding[] {
  return [
    ...zoneFindings(input),
    ...recordFindings(input),
    ...imageFindings(input),
    ...typeFindings(input),
    ...priceFindings(input),
    ...siteFindings(input),
    ...policyFindings(input),
  ];
}

const error = (message: string, hint: string): Finding => ({ level: "error", message, hint });

function zoneFindings({ config, account, dns, world, delegation }: PreflightInput): Finding[] {
  if (dns === undefined) {
    return [
      error(
        `no public hosted zone for ${config.domain} in the account ${account}`,
        "create one in Route 53 for this domain or one above it, or use the credentials of the account that has it",
      ),
    ];
  }
  const { name } = dns.zone;
  const outside = config.aliases.filter((alias) => alias !== name && !alias.endsWith(`.${name}`));
  const found = outside.map((alias) =>
    error(
      `the alias ${alias} is not in the hosted zone ${name}`,
      "all names of a site are in one hosted zone",
    ),
  );
  return [...found, ...delegationFindings(name, world.nameServers, delegation)];
}

function delegationFindings(
  zone: string,
  wanted: readonly string[],
  seen: readonly string[] | undefined,
): Finding[] {
  if (seen === undefined) {
    return [
      { level: "note", message: `whether ${zone} is delegated could not be checked: no resolver answered` },
    ];
  }
  if (seen.some((server) => wanted.includes(server))) return [];
  const hint = `where ${zone} is registered, set its name servers to ${wanted.join(", ")}`;
  if (seen.length === 0) return [error(`${zone} is not delegated: DNS knows no name servers for it`, hint)];
  return [error(`${zone} is delegated to other name servers: ${[...seen].sort().join(", ")}`, hint)];
}

function recordFindings({ config, dns }: PreflightInput): Finding[] {
  if (dns === undefined) return [];
  const names = [config.domain, ...config.aliases];
  const at = dns.records.filter((r) => names.includes(r.name));
  const aliases = at.filter((r) => r.type === "A" && r.wire.AliasTarget !== undefined);
  const cnames = at.filter((r) => r.type === "CNAME");
  const blocking = [...cnames, ...aliases].map((r) =>
    error(
      `${r.name} has ${r.type === "CNAME" ? "a CNAME" : "an alias"} record to ${r.values[0] ?? r.wire.AliasTarget?.DNSName}`,
      "everspot needs this name for itself: delete the record, or choose another domain",
    ),
  );
  const ipv6 = at
    .filter((r) => r.type === "AAAA")
    .map((r): Finding => {
      const message = `${r.name} has an AAAA record (${r.values.join(", ")}), which everspot leaves alone`;
      return { level: "note", message, hint: "visitors over IPv6 go there, not to this site" };
    });
  return [...blocking, ...ownerFindings(config, dns), ...ipv6];
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
  return dns.records
    .filter((r) => names.includes(r.name) && r.type === "A" && r.wire.AliasTarget === undefined)
    .map((r) => ({
      level: "ask" as const,
      message: `${r.name} now points to ${r.values.join(", ")}, which is not everspot's; it will point to this site instead`,
    }));
}

function imageFindings({ config, world }: PreflightInput): Finding[] {
  const { image } = world;
  const { arch, disk } = config.fleet;
  const parameter = imageParameter(config.image.os, arch);
  if (image === undefined) {
    const what = `${config.image.os} for ${arch} in ${config.region}`;
    return [
      world.newestImage === undefined
        ? error(`AWS has no image of ${what}`, `the public SSM parameter ${parameter} does not exist there`)
        : error(
            `the image ${world.newestImage} of ${what} is gone`,
            `${parameter} names it; try again later, or use another [image] os`,
          ),
    ];
  }
  const found: Finding[] = [];
  if (image.arch !== arch) {
    found.push(
      error(`the image ${image.id} is for ${image.arch}, not ${arch}`, `it comes from ${parameter}`),
    );
  }
  if (image.size > disk) {
    found.push(error(`the image needs a disk of ${image.size} GB`, `set [fleet] disk = ${image.size}`));
  }
  const debian = world.baked?.base ?? image.id;
  if (world.newestImage !== undefined && world.newestImage !== debian) {
    const message = `there is a newer image of ${config.image.os}: ${world.newestImage} instead of ${debian}`;
    found.push({ level: "note", message, hint: "take it with `everspot deploy --refresh-image`" });
  }
  return found;
}

function typeFindings({ config, world }: PreflightInput): Finding[] {
  const offered = new Set(world.zones.flatMap((z) => z.types));
  const missing = config.fleet.types.filter((type) => !offered.has(type));
  if (missing.length === 0) return [];
  const hint = "list other types in [fleet] types";
  const message = `${config.region} does not offer ${missing.join(", ")}`;
  return [
    missing.length === config.fleet.types.length ? error(message, hint) : { level: "note", message, hint },
  ];
}

/** Without a price there is no ceiling for what the site's fleets may cost. */
function priceFindings({ config }: PreflightInput): Finding[] {
  const types = unpriced(config.fleet.types);
  if (types.length === 0) return [];
  const message = `everspot knows no price of ${types.join(", ")}, so its fleets get no limit to what they may cost together`;
  return [
    { level: "note", message, hint: "a budget alarm of AWS's own (AWS Budgets) tells of a bill that grows" },
  ];
}

function siteFindings({ config, seen }: PreflightInput): Finding[] {
  const { role } = seen.roles;
  const found: Finding[] = [];
  if (role?.region !== undefined && role.region !== config.region) {
    found.push(
      error(
        `a site named ${config.site} exists already, in ${role.region}`,
        "a site's name must be unique in an account: choose another, or take that site down first",
      ),
    );
  }
  if (seen.bucket?.site !== undefined && seen.bucket.site !== config.site) {
    found.push(
      error(
        `the site's bucket is tagged ${SITE_TAG}=${seen.bucket.site}`,
        "choose another name for the site",
      ),
    );
  }
  return found;
}

/**
 * Characters of all inline policies of a role together, white space not counted (IAM User Guide, "IAM and AWS STS
 * quotas"): so two policies hold no more than one.
 */
const LONGEST_POLICY = 10_240;

/** The role's policy has each name of the site twice: for its record and for its challenge. */
function policyFindings({ config, account, partition, dns }: PreflightInput): Finding[] {
  const where = { account, partition, zone: dns?.zone.id ?? "", baked: true };
  const { length } = JSON.stringify(instancePolicy(withCertificate(config, where), where));
  if (length <= LONGEST_POLICY) return [];
  return [
    error(
      `with ${config.aliases.length} aliases, the policy of the instances' role has ${length} characters, and IAM takes ${LONGEST_POLICY}`,
      "use fewer or shorter aliases; each of their letters counts twice",
    ),
  ];
}
