import { createHash } from "node:crypto";
import { isDeepStrictEqual } from "node:util";
import type { BootRecord } from "../../agent/site/boot-record.ts";
import { LOG_DAYS } from "../../agent/site/logs/streams.ts";
import type { FleetSeen } from "../aws/fleets.ts";
import type { LogsSeen } from "../aws/logs/logs.ts";
import type { AcmSeen } from "../seen/acm.ts";
import { obsoleteImages } from "../seen/choose.ts";
import { currentOf } from "../seen/current.ts";
import type { NoticesSeen } from "../seen/notices.ts";
import type { SiteSeen, World } from "../seen/observe.ts";
import { subnetCidr, VPC_CIDR } from "../wanted/addresses.ts";
import { siteRules, without } from "../wanted/ingress.ts";
import { sameDocument } from "../wanted/same.ts";
import { parseVersion, type TemplateData, templateHash } from "../wanted/template.ts";
import type { Wanted } from "../wanted/wanted.ts";
import type { UpAction, ZonePool } from "./actions.ts";
import { certificateCost } from "./bill.ts";
import { type Ceiling, ceilingOf, holds } from "./ceiling.ts";
import { configurationVersion, makesConfiguration } from "./configuration-version.ts";

/** What was found, and whether the agent's archive is in the bucket. */
export interface UpSeen extends SiteSeen {
  hasAgent: boolean;
  /** Names of those that are set; none where no random one is wanted. */
  secrets: readonly string[];
  boots: readonly BootRecord[];
  /** When `up` is to request a certificate from ACM. */
  acm: AcmSeen | undefined;
  /** Hosted zone. */
  zone: string;
  /** Undefined where it was not asked: then nothing of it is changed. */
  notices?: NoticesSeen | undefined;
  /** "unasked": nothing is done about it. */
  logs: LogsSeen | "unasked" | undefined;
}

/** What is to be done, in order; nothing when the site is as wanted. */
export function planUp(wanted: Wanted, seen: UpSeen, world: Pick<World, "serviceRoles">): UpAction[] {
  const newer = template(wanted, seen);
  return [
    ...serviceRoles(world),
    ...bucket(wanted, seen),
    ...logs(seen),
    ...certificate(wanted, seen),
    ...role(wanted, seen),
    ...network(wanted, seen),
    ...secrets(wanted, seen),
    ...notices(wanted, seen),
    ...objects(wanted, seen),
    ...candidate(newer, seen),
    ...newer,
    ...certificateIssued(seen),
    ...fleets(wanted, seen),
    ...stuck(newer, seen),
    ...olderCertificates(seen),
    ...olderImages(wanted, seen),
  ];
}

const secrets = (wanted: Wanted, seen: UpSeen): UpAction[] =>
  wanted.randomSecrets
    .filter((name) => !seen.secrets.includes(name))
    .map((name) => ({ do: "make-secret", name }));

/** A subscription that waits to be confirmed cannot be taken back; AWS forgets it after two days. */
function notices({ mail, budget }: Wanted, { notices: seen }: UpSeen): UpAction[] {
  if (seen === undefined) return [];
  const { topic, budget: has } = seen;
  const same = (email: string) => email.toLowerCase() === mail?.toLowerCase();
  const others = (topic?.subscriptions ?? []).filter(({ email }) => !same(email));
  const right =
    has?.complete === true && has.monthly === budget?.monthly && has.emails.join() === budget.email;
  return [
    ...(mail === undefined
      ? when(topic !== undefined, { do: "delete-topic" })
      : [
          ...when(topic === undefined, { do: "create-topic" }),
          ...when(!topic?.subscriptions.some(({ email }) => same(email)), { do: "subscribe", email: mail }),
          ...others.flatMap(({ email, arn }): UpAction[] =>
            arn === undefined ? [] : [{ do: "unsubscribe", email, subscription: arn }],
          ),
        ]),
    ...(budget === undefined
      ? when(has !== undefined, { do: "delete-budget" })
      : when(!right, { do: "create-budget", ...budget, instead: has !== undefined })),
  ];
}

const when = (condition: boolean, ...actions: UpAction[]): UpAction[] => (condition ? actions : []);

const serviceRoles = (world: Pick<World, "serviceRoles">): UpAction[] =>
  world.serviceRoles
    .filter((r) => !r.exists)
    .map(({ service, role }) => ({ do: "create-service-role", service, role }));

function bucket(wanted: Wanted, { bucket: seen }: SiteSeen): UpAction[] {
  return [
    ...when(seen === undefined, { do: "create-bucket" }),
    ...when(seen?.site !== wanted.site, { do: "tag-bucket" }),
    ...when(!seen?.privateOnly, { do: "block-public-access" }),
    ...when(!seen?.versioned, { do: "version-bucket" }),
    ...when(!seen?.encrypted, { do: "encrypt-bucket" }),
    ...when(!sameDocument(seen?.policy, wanted.bucket.policy), { do: "set-bucket-policy" }),
    ...when(!sameDocument(seen?.lifecycle, wanted.bucket.lifecycle), { do: "set-bucket-lifecycle" }),
  ];
}

function logs({ logs: seen }: UpSeen): UpAction[] {
  if (seen === "unasked") return [];
  return [
    ...when(seen === undefined, { do: "create-log-group", days: LOG_DAYS }),
    ...when(seen?.days !== LOG_DAYS, { do: "keep-logs", days: LOG_DAYS }),
  ];
}

/** Requested early, so that ACM has time; the first instance must find it issued. */
function certificate({ site }: Wanted, { acm, zone }: UpSeen): UpAction[] {
  if (acm === undefined) return [];
  const { names, current, missing } = acm;
  const token = requestToken(site, acm);
  return [
    ...when(current === undefined, {
      do: "request-certificate",
      names,
      token,
      price: certificateCost(names.length),
    }),
    ...when(missing === undefined || missing.length > 0, {
      ...{ do: "validate-certificate", arn: current?.arn, zone },
    }),
  ];
}

/** Takes the outcome of an earlier request into account, so that one after a failure is not taken for the same. */
const requestToken = (site: string, { names, others }: Pick<AcmSeen, "names" | "others">): string =>
  createHash("sha256")
    .update(JSON.stringify([site, names, others.map((c) => c.arn)]))
    .digest("hex")
    .slice(0, 32);

const certificateIssued = ({ acm }: UpSeen): UpAction[] =>
  when(acm !== undefined && acm.current?.state !== "issued", {
    ...{ do: "wait-for-certificate", arn: acm?.current?.arn },
  });

/** They go once no instance can want them any more: ACM keeps renewing what was exported once, for a fee. */
function olderCertificates({ acm, templates, instances }: UpSeen): UpAction[] {
  const latest = templates[0]?.latest.version;
  const settled = instances.every((i) => !i.alive || i.templateVersion === latest);
  if (acm?.current?.state !== "issued" || !settled) return [];
  return acm.others.map(({ arn, names }) => ({ do: "delete-certificate", arn, names }));
}

function role(wanted: Wanted, { roles }: SiteSeen): UpAction[] {
  const { role: seen, profile } = roles;
  const name = wanted.template.data.profile;
  return [
    ...when(seen === undefined, { do: "create-role" }),
    ...when(seen !== undefined && !sameDocument(seen.trust, wanted.role.trust), { do: "set-role-trust" }),
    ...when(!sameDocument(seen?.policy, wanted.role.policy), {
      ...{ do: "set-role-policy", needed: !sameDocument(seen?.policy, wanted.role.otherwise) },
    }),
    ...when(profile === undefined, { do: "create-profile" }),
    ...when(!profile?.roles.includes(name), { do: "add-role-to-profile", instead: profile?.roles ?? [] }),
  ];
}

function network(wanted: Wanted, seen: SiteSeen): UpAction[] {
  const { vpc, gateway, subnets, routeTable, group } = currentOf(seen);
  const cidr = vpc?.cidr ?? VPC_CIDR;
  const taken = [...subnets.values()].map((s) => s.cidr);
  const newSubnets = wanted.zones
    .filter(({ zone }) => !subnets.has(zone))
    .map(({ zone }): UpAction => {
      const own = subnetCidr(cidr, zone, taken);
      taken.push(own);
      return { do: "create-subnet", zone, cidr: own };
    });
  const unrouted = wanted.zones.filter(({ zone }) => {
    const subnet = subnets.get(zone)?.id;
    return subnet === undefined || !routeTable?.subnets.includes(subnet);
  });
  const missing = without(siteRules, group?.rules ?? []);
  const excess = without(group?.rules ?? [], siteRules);
  return [
    ...when(vpc === undefined, { do: "create-vpc", cidr: VPC_CIDR }),
    ...when(gateway === undefined, { do: "create-gateway" }),
    ...when(!gateway?.attached, { do: "attach-gateway" }),
    ...newSubnets,
    ...when(routeTable === undefined, { do: "create-route-table" }),
    ...when(routeTable?.gateway === undefined, { do: "create-route" }),
    ...unrouted.map(({ zone }): UpAction => ({ do: "associate-subnet", zone })),
    ...when(group === undefined, { do: "create-group" }),
    ...when(missing.length > 0, { do: "allow-ingress", rules: missing }),
    ...when(excess.length > 0, { do: "revoke-ingress", rules: excess }),
  ];
}

function objects(wanted: Wanted, seen: UpSeen): UpAction[] {
  const hasRelease = seen.channel?.candidate !== undefined || seen.channel?.current !== undefined;
  return [
    ...when(!seen.hasAgent, { do: "upload-agent", sha256: wanted.agent }),
    ...when(!hasRelease, { do: "publish-release", folder: wanted.folder }),
  ];
}

/** One that is there already is to be tried with the new configuration, not with the one before. */
function candidate(newer: readonly UpAction[], { channel, templates }: UpSeen): UpAction[] {
  const release = channel?.candidate?.id;
  const template = configurationVersion(newer, templates[0]);
  if (release === undefined || template === undefined || !newer.some(makesConfiguration)) return [];
  return [{ do: "reconfigure-candidate", release, template }];
}

/**
 * Machines of an older configuration that do not come up: what was put right cannot be seen on them, so the fleet is
 * to launch others. While an instance has the site, one that still boots for the first time is let be.
 */
function stuck(newer: readonly UpAction[], { boots, instances, state, templates }: UpSeen): UpAction[] {
  const template = configurationVersion(newer, templates[0]);
  const alive = instances.filter((i) => i.alive);
  const owned = alive.some((i) => i.id === state?.owner);
  return alive.flatMap(({ id, templateVersion }): UpAction[] => {
    if (template === undefined || templateVersion === undefined || templateVersion >= template) return [];
    const boot = boots.find((b) => b.instance === id);
    const failed = boot?.state === "failed" || (boot?.state === "booting" && boot.attempt > 1);
    const begins = !owned && (boot === undefined || boot.state === "booting");
    return failed || begins ? [{ do: "replace-instance", instance: id, templateVersion }] : [];
  });
}

function template(wanted: Wanted, seen: SiteSeen): UpAction[] {
  const { template: latest, group } = currentOf(seen);
  const { data, os, arch, stock, base } = wanted.template;
  const made = { os, arch };
  if (latest === undefined) return [{ do: "create-template", data: stock ?? data, made }];
  const is = (wants: TemplateData) => group !== undefined && isLatest(wants, seen, group.id);
  if (stock === undefined || base === undefined) {
    return when(!is(data), { do: "create-template-version", data, made });
  }
  const noted = parseVersion(latest.latest.description)?.baked;
  const sameNote =
    noted !== undefined &&
    isDeepStrictEqual(pick(seen.imageNote), {
      image: data.image,
      launches: latest.latest.version,
      stock: noted.stock,
    });
  if (is(data)) return when(!sameNote, { do: "note-image", image: data.image });
  return [
    ...when(!is(stock), { do: "create-template-version", data: stock, made }),
    { do: "create-template-version", data, made: { ...made, base } },
    { do: "note-image", image: data.image },
  ];
}

const pick = (note: SiteSeen["imageNote"]) =>
  note && { image: note.image, launches: note.launches, stock: note.stock };

const isLatest = (data: TemplateData, seen: SiteSeen, group: string): boolean =>
  parseVersion(seen.templates[0]?.latest.description)?.hash === templateHash(data, group);

/** Images that the newest template does not need, as soon as an instance launched from that template has the site. */
function olderImages(wanted: Wanted, seen: SiteSeen): UpAction[] {
  const owner = seen.instances.find((i) => i.alive && i.id === seen.state?.owner);
  return obsoleteImages(seen.images, wanted.template.data.image, owner?.image).map(({ id, snapshot }) => ({
    do: "remove-image",
    image: id,
    snapshot,
  }));
}

function fleets(wanted: Wanted, seen: SiteSeen): UpAction[] {
  const { fleet: now, bridge } = currentOf(seen);
  const pools = wanted.zones.flatMap(({ zone, types }) =>
    types.map((type): ZonePool => ({ type, zone, maxPrice: wanted.maxPrice })),
  );
  // Only spot instances have a maximum price.
  const dear = pools.map((pool) => ({ ...pool, maxPrice: undefined }));
  const empty = bridge !== undefined && bridge.target === 0 && bridge.fulfilled === 0;
  const types = [...new Set(pools.map((p) => p.type))];
  const most = ceilingOf(types, wanted.region, wanted.maxPrice);
  const dearMost = ceilingOf(types, wanted.region, undefined);
  const ceiling = most?.wanted;
  return [
    ...(now === undefined
      ? when(true, { do: "create-fleet", pools, ceiling })
      : [
          ...spotFleet(now, pools, most, launches(now, pools, wanted, seen)),
          // Above 1, a swap or a replacement is under way, and the agents or `deploy` will lower it themselves.
          ...when(now.target < 1, { do: "set-fleet-target", target: 1 }),
        ]),
    ...when(wanted.bridge && bridge === undefined, {
      ...{ do: "create-bridge", pools: dear, ceiling: dearMost?.wanted },
    }),
    ...when(wanted.bridge && bridge !== undefined && !launches(bridge, dear, wanted, seen), {
      ...{ do: "change-bridge", pools: dear },
    }),
    // One that bridges just now is replaced with the next `up`.
    ...when(wanted.bridge && bridge !== undefined && empty && !holds(bridge.ceiling, dearMost), {
      ...{ do: "replace-bridge", fleet: bridge?.id ?? "", pools: dear, ceiling: dearMost?.wanted },
      needed: bridge?.ceiling !== undefined,
    }),
    // A fleet that is bridging now goes with the next `up`.
    ...when(!wanted.bridge && empty, { do: "delete-bridge", fleet: bridge?.id ?? "" }),
  ];
}

/**
 * Its total price is fixed, so another one means another fleet, and a new instance. Where the old one only lacks a
 * limit, that waits until nothing is under way.
 */
function spotFleet(
  now: FleetSeen,
  pools: readonly ZonePool[],
  most: Ceiling | undefined,
  launches: boolean,
): UpAction[] {
  const needed = now.ceiling !== undefined;
  const quiet = now.target <= 1 && now.fulfilled <= 1;
  const replace: UpAction = { do: "replace-fleet", fleet: now.id, pools, ceiling: most?.wanted, needed };
  if (!holds(now.ceiling, most) && (needed || quiet)) {
    return [...when(!needed && !launches, { do: "change-fleet", pools }), replace];
  }
  return when(!launches, { do: "change-fleet", pools });
}

/** Whether a fleet launches by the newest template, from just these pools. */
function launches(fleet: FleetSeen, pools: readonly ZonePool[], wanted: Wanted, seen: SiteSeen): boolean {
  const { template: latest, group, subnets } = currentOf(seen);
  const key = (p: { type: string; subnet: string | undefined; maxPrice: number | undefined }) =>
    `${p.type} ${p.subnet} ${p.maxPrice}`;
  const has = new Set(fleet.pools.map(key));
  const wants = new Set(pools.map((p) => key({ ...p, subnet: subnets.get(p.zone)?.id })));
  return (
    group !== undefined &&
    isLatest(wanted.template.data, seen, group.id) &&
    fleet.template?.id === latest?.id &&
    fleet.template?.version === latest?.latest.version &&
    has.size === wants.size &&
    [...wants].every((p) => has.has(p))
  );
}
