import { SITE_TAG } from "../../agent/site/names.ts";
import { imageParameter } from "../aws/images.ts";
import type { LimitsSeen } from "../aws/limits.ts";
import { anothers, servesElsewhere } from "../seen/fence.ts";
import type { SiteSeen, World } from "../seen/observe.ts";
import { withCertificate } from "../wanted/certificate.ts";
import { instancePolicy } from "../wanted/instance-policy.ts";
import { unpriced } from "./ceiling.ts";
import { error, type Finding } from "./findings.ts";
import { limitFindings } from "./limits.ts";
import { type NamesInput, nameFindings } from "./names.ts";

export interface PreflightInput extends NamesInput {
  partition: string;
  seen: SiteSeen;
  world: World;
  /** What the account may start; undefined where it was not asked. */
  limits?: LimitsSeen | undefined;
}

/** Everything that stands against `up`, found before it changes anything. */
export function preflight(input: PreflightInput): Finding[] {
  return [
    ...nameFindings(input),
    ...imageFindings(input),
    ...typeFindings(input),
    ...priceFindings(input),
    ...siteFindings(input),
    ...policyFindings(input),
    ...limitFindings({ ...input, begins: input.seen.network.vpcs.length === 0 }),
  ];
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
  return [{ level: "note", message, hint: "[budget] in everspot.toml has AWS tell of a bill that grows" }];
}

function siteFindings({ config, seen, dns }: PreflightInput): Finding[] {
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
  const elsewhere = dns && servesElsewhere(seen.state, seen.instances, dns.fence);
  if (elsewhere !== undefined) {
    const { message, hint } = anothers(config, elsewhere);
    found.push(error(message, hint));
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
  const where = { account, partition, hostedZone: dns?.zone.id ?? "", baked: true };
  const { length } = JSON.stringify(instancePolicy(withCertificate(config, where), where));
  if (length <= LONGEST_POLICY) return [];
  return [
    error(
      `with ${config.aliases.length} aliases, the policy of the instances' role has ${length} characters, and IAM takes ${LONGEST_POLICY}`,
      "use fewer or shorter aliases; each of their letters counts twice",
    ),
  ];
}
