import type { Alert } from "../../agent/site/alerts/alerts.ts";
import { type BootRecord, failedStep } from "../../agent/site/boot-record.ts";
import { isLate } from "../../agent/site/certificate-due.ts";
import type { CertificatePointer } from "../../agent/site/certificates.ts";
import type { SiteState } from "../../agent/site/documents/site-state.ts";
import type { Drilled } from "../../agent/site/state/drilled.ts";
import type { SpotPrice } from "../aws/market.ts";
import { addressOf } from "../config/address.ts";
import type { SiteConfig } from "../config/site-config.ts";
import { parseVersion } from "../wanted/template.ts";
import { currentOf } from "./current.ts";
import { type BeganWith, imageOddity } from "./image-age.ts";
import type { DnsSeen, SiteSeen } from "./observe.ts";
import type { ToldSeen } from "./told.ts";

export interface StatusInput {
  config: SiteConfig;
  seen: SiteSeen;
  dns: DnsSeen | undefined;
  /** Of the newest instance that is alive, or else of the owner. */
  boot: BootRecord | undefined;
  began: BeganWith | undefined;
  pointer: CertificatePointer | undefined;
  spot: readonly SpotPrice[];
  /** The end of the console of an instance that runs and has never been heard of. */
  console?: { instance: string; lines: string[] } | undefined;
  /** What the site said when it was asked by name; undefined where there is none to ask. */
  answer: Answer | undefined;
  /** Where that was no 200: what its instance said when it was asked at its own address. */
  direct?: (Answer & { address: string }) | undefined;
  /** What a person was told is wrong, and has not ended. */
  alerts: readonly Alert[];
  /** Who is told of what; undefined where it was not asked. */
  told: ToldSeen | undefined;
  /** Undefined while there is none. */
  maintenance: Maintenance | undefined;
  /** How what the site writes is kept; undefined where nothing is. */
  data: DataSeen | undefined;
  /** Milliseconds since the epoch. */
  now: number;
}

/** The end of the state's log, as provisioner/data/glance.ts finds it. */
export interface DataSeen {
  entry: number;
  at: string;
  kind: string;
  epoch: number;
  by: string;
  size: number;
  uploads: number;
  base: string | undefined;
  /** The last time that an instance restored it to see whether it is whole. */
  drill?: Drilled | undefined;
}

/** What came of one request for the page that tells whether the app is well. */
export type Answer = { url: string; milliseconds: number } & ({ status: number } | { error: string });

/** Since when visitors get a page instead of the site, and who does not. */
export interface Maintenance {
  since: string;
  by: string;
  allow: readonly string[];
}

/** The state of a site, in one document. Times are ISO 8601, prices USD per hour. */
export interface Status {
  site: string;
  url: string;
  /** Whether anything of it is in AWS. */
  exists: boolean;
  answer: Answer | undefined;
  direct: StatusInput["direct"];
  maintenance: Maintenance | undefined;
  owner: { instance: string; epoch: number; address: string; since: string; state: string } | undefined;
  instances: {
    id: string;
    state: string;
    type: string;
    zone: string;
    launched: string;
    address: string | undefined;
    spotPrice: number | undefined;
    templateVersion: number | undefined;
  }[];
  release: {
    current: string | undefined;
    candidate: string | undefined;
    lastKnownGood: string | undefined;
    /** The newest that is: why, and what it said last. */
    quarantined: { id: string; at: string; reason: string; lines?: string[] | undefined } | undefined;
  };
  records: { name: string; type: string; ttl: number | undefined; values: string[] }[];
  fence: { epoch: number; owner: string } | undefined;
  certificate: { expires: string; serial: string; source: string } | undefined;
  boot: BootRecord | undefined;
  fleet:
    | { id: string; state: string; target: number; fulfilled: number; templateVersion: number | undefined }
    | undefined;
  /** The image in the newest version of the launch template; with size and age if it is the site's own. */
  image: { id: string; own: boolean; base?: string; gigabytes?: number; created?: string } | undefined;
  /** Debian's image that the running instance began with. */
  debian: { image: string; created: string | undefined; newest: string | undefined } | undefined;
  console: StatusInput["console"];
  /** What the site writes, as far as it is in its bucket. */
  data: DataSeen | undefined;
  alerts: Pick<Alert, "kind" | "about" | "text" | "since">[];
  /** Who is mailed, and whether they agreed to. */
  mail: { email: string; confirmed: boolean } | undefined;
  /** USD of this month in the whole account, as AWS had it 8 to 12 h ago. */
  spend: { spent: number; forecast: number | undefined; monthly: number } | undefined;
  /** What a person should look at. */
  odd: string[];
}

export function statusOf(input: StatusInput): Status {
  const { config, seen, dns, boot, pointer } = input;
  const { fleet, template, vpc } = currentOf(seen);
  const price = (type: string, zone: string) =>
    input.spot.find((p) => p.type === type && p.zone === zone)?.price;
  const newest = pointer?.issuances[0];
  return {
    site: config.site,
    url: addressOf(config),
    exists: vpc !== undefined || fleet !== undefined || template !== undefined,
    answer: input.answer,
    direct: input.direct,
    maintenance: input.maintenance && {
      ...{ since: input.maintenance.since, by: input.maintenance.by, allow: input.maintenance.allow },
    },
    owner: seen.state && {
      instance: seen.state.owner,
      epoch: seen.state.epoch,
      address: seen.state.address,
      since: seen.state.since,
      state: seen.state.state,
    },
    instances: seen.instances
      .filter((i) => i.state !== "terminated")
      .map((i) => ({
        id: i.id,
        state: i.state,
        type: i.type,
        zone: i.zone,
        launched: i.launched.toISOString(),
        address: i.address,
        spotPrice: i.spot ? price(i.type, i.zone) : undefined,
        templateVersion: i.templateVersion,
      })),
    release: {
      current: seen.channel?.current,
      candidate: seen.channel?.candidate?.id,
      lastKnownGood: seen.channel?.lastKnownGood,
      quarantined: seen.channel?.quarantined.at(-1),
    },
    records: (dns?.records ?? []).map(({ name, type, ttl, values }) => ({ name, type, ttl, values })),
    fence: dns?.fence,
    certificate:
      boot?.certificate ??
      (newest && { expires: newest.notAfter, serial: newest.serial, source: newest.directory }),
    boot,
    fleet: fleet && {
      id: fleet.id,
      state: fleet.state,
      target: fleet.target,
      fulfilled: fleet.fulfilled,
      templateVersion: fleet.template?.version,
    },
    image: imageOf(seen),
    console: input.console,
    data: input.data,
    alerts: input.alerts.map(({ kind, about, text, since }) => ({ kind, about, text, since })),
    mail: mailOf(input),
    spend: spendOf(input.told),
    debian: input.began && { ...input.began, created: input.began.created?.toISOString() },
    odd: [
      ...oddities(input),
      ...dataOddities(input),
      ...input.alerts.map(({ text, since }) => `since ${since}: ${text}`),
      ...toldOddities(input),
    ],
  };
}

function mailOf({ config, told }: StatusInput): Status["mail"] {
  const email = config.notify?.email;
  if (email === undefined || told === undefined) return undefined;
  const all = told.topic?.subscriptions ?? [];
  const one = all.find((s) => s.email.toLowerCase() === email.toLowerCase());
  return { email, confirmed: one?.arn !== undefined };
}

const spendOf = (told: ToldSeen | undefined): Status["spend"] =>
  told?.budget && {
    spent: told.budget.spent,
    forecast: told.budget.forecast,
    monthly: told.budget.monthly,
  };

function toldOddities(input: StatusInput): string[] {
  const mail = mailOf(input);
  const { budget } = input.told ?? {};
  return [
    ...(mail === undefined || mail.confirmed
      ? []
      : [
          `${mail.email} gets no mail yet: the link in AWS's mail ("Subscription Confirmation") has not been followed; \`everspot up\` has AWS send another once it has forgotten the first, after two days`,
        ]),
    ...(budget !== undefined && budget.spent > budget.monthly
      ? [`the account has spent ${usd(budget.spent)} this month, and its budget is ${usd(budget.monthly)}`]
      : []),
    ...(input.config.budget !== undefined && input.told !== undefined && budget === undefined
      ? ["[budget] is in everspot.toml, and there is none: `everspot up` makes it"]
      : []),
  ];
}

export const usd = (amount: number): string => `$${amount.toFixed(2)}`;

function imageOf(seen: SiteSeen): Status["image"] {
  const { template } = currentOf(seen);
  const id = template?.latest.image;
  if (id === undefined) return undefined;
  const own = seen.images.find((i) => i.id === id);
  if (own === undefined) return { id, own: false };
  return { id, own: true, base: own.base, gigabytes: own.size, created: own.created.toISOString() };
}

/** An instance cannot be launched from it: the fleet would try in vain. */
function goneImage(seen: SiteSeen): string[] {
  const { template, fleet } = currentOf(seen);
  const { version, image, description } = template?.latest ?? {};
  if (image === undefined || parseVersion(description)?.baked === undefined) return [];
  if (fleet?.template?.version !== version) return [];
  if (seen.images.some((i) => i.id === image && i.state === "available")) return [];
  return [
    `the site's own image ${image} is gone, so no instance can be launched: \`everspot up\` goes back to Debian's image; an instance that serves does so by itself within minutes`,
  ];
}

/** In a few words: "200 in 84 ms", or why there was none. */
export const inWords = (answer: Answer): string =>
  "error" in answer ? answer.error : `${answer.status} in ${answer.milliseconds} ms`;

export const isUp = (answer: Answer): boolean => "status" in answer && answer.status === 200;

function oddities(input: StatusInput): string[] {
  const { config, seen, dns, boot, began, pointer, maintenance, now } = input;
  const { fleet, template } = currentOf(seen);
  const alive = seen.instances.filter((i) => i.alive);
  const odd: string[] = [];
  if (maintenance !== undefined) odd.push("maintenance is on: `everspot maintenance off` ends it");
  odd.push(...answerOddities(input));
  const owner = alive.find((i) => i.id === seen.state?.owner);
  if (fleet !== undefined && alive.length === 0) odd.push("no instance is running");
  if (alive.length > 1)
    odd.push(`${alive.length} instances are running: ${alive.map((i) => i.id).join(", ")}`);
  if (seen.state !== undefined && alive.length > 0 && owner === undefined) {
    odd.push(`the owner ${seen.state.owner} is gone, and no other instance has taken over yet`);
  }
  if (fleet !== undefined && fleet.target !== 1) odd.push(`the fleet's target is ${fleet.target}`);
  if (fleet !== undefined && fleet.activity === "error")
    odd.push("the fleet reports an error: `everspot up` shows which");
  const latest = template?.latest.version;
  for (const { id, templateVersion } of alive) {
    if (templateVersion !== undefined && latest !== undefined && templateVersion !== latest) {
      odd.push(
        `${id} was launched from version ${templateVersion} of the launch template; the newest is ${latest}`,
      );
    }
  }
  if (fleet?.template !== undefined && latest !== undefined && fleet.template.version !== latest) {
    odd.push(
      `the fleet launches version ${fleet.template.version} of the launch template; the newest is ${latest}`,
    );
  }
  odd.push(
    ...goneImage(seen),
    ...[imageOddity(began, now) ?? []].flat(),
    ...recordOddities(config, seen, dns),
  );
  if (boot?.state === "unavailable") odd.push(`visitors get a 503 page: ${boot.blame ?? "the app fails"}`);
  if (boot !== undefined && (boot.state === "failed" || boot.attempt > 1)) {
    const failed = failedStep(boot, "boot");
    const why = failed === undefined ? "" : `: ${failed.name}: ${failed.error ?? ""}`;
    odd.push(
      `the boot of ${boot.instance} ${boot.state === "failed" ? "failed" : `took ${boot.attempt} attempts`}${why}`,
    );
  }
  odd.push(...(boot?.warnings ?? []));
  for (const bad of seen.channel?.quarantined.slice(-1) ?? []) {
    odd.push(`release ${bad.id} is quarantined: ${bad.reason}`);
  }
  odd.push(...certificateOddities(boot, pointer, now), ...duplicates(seen));
  return odd;
}

function answerOddities({ answer, direct, dns, config, maintenance }: StatusInput): string[] {
  if (answer === undefined || isUp(answer)) return [];
  if (maintenance !== undefined && "status" in answer && answer.status === 503) return [];
  const what = `${answer.url} does not answer 200: ${inWords(answer)}`;
  if (direct === undefined || !isUp(direct)) return [what];
  const record = dns?.records.find((r) => r.name === config.domain && r.type === "A");
  const right = record?.values.includes(direct.address) === true;
  return [
    `${what}; its instance answers at ${direct.address}, ${
      right
        ? `and so says its record: whoever this computer asks for names may know an older one, for ${record?.ttl ?? 60} s and, of a name that was not there, for 15 min`
        : "where the name does not lead"
    }`,
  ];
}

function recordOddities(config: SiteConfig, seen: SiteSeen, dns: DnsSeen | undefined): string[] {
  if (dns === undefined) return [`there is no hosted zone for ${config.domain} in this account`];
  const { state } = seen;
  if (state === undefined || state.state === "claiming") return [];
  const odd: string[] = [];
  for (const name of [config.domain, ...config.aliases]) {
    const record = dns.records.find((r) => r.name === name && r.type === "A");
    if (record === undefined) odd.push(`${name} has no A record`);
    else if (!record.values.includes(state.address)) {
      odd.push(`${name} points to ${record.values.join(", ")}, not to the owner's ${state.address}`);
    }
  }
  const { fence } = dns;
  if (fence === undefined) odd.push("there is no fence record");
  else if (fence.epoch !== state.epoch || fence.owner !== state.owner) {
    odd.push(
      `the fence record says epoch ${fence.epoch} of ${fence.owner}, site.json epoch ${state.epoch} of ${state.owner}`,
    );
  }
  return odd;
}

function certificateOddities(
  boot: BootRecord | undefined,
  pointer: CertificatePointer | undefined,
  now: number,
): string[] {
  const served = boot?.certificate;
  if (served === undefined) return [];
  if (served.source === "self-signed") return ["the certificate is self-signed: visitors do not trust it"];
  const notAfter = new Date(served.expires);
  if (notAfter.getTime() <= now) return [`the certificate expired on ${served.expires}`];
  const begins = served.begins ?? pointer?.issuances.find((i) => i.serial === served.serial)?.notBefore;
  if (begins === undefined || !isLate({ notBefore: new Date(begins), notAfter }, new Date(now))) return [];
  return [
    `the certificate expires on ${served.expires} and has not been renewed: \`everspot certificate\` says more`,
  ];
}

/** Two of a kind where there should be one: `down` removes both, `up` uses the first. */
function duplicates(seen: SiteSeen): string[] {
  const { network } = seen;
  const kinds: [string, readonly { id: string }[]][] = [
    ["VPCs", network.vpcs],
    ["internet gateways", network.gateways],
    ["route tables", network.routeTables],
    ["security groups", network.groups],
    ["launch templates", seen.templates],
    ["fleets", seen.fleets.filter((f) => f.alive && !f.bridge)],
    ["fleets that bridge", seen.fleets.filter((f) => f.alive && f.bridge)],
  ];
  return kinds
    .filter(([, list]) => list.length > 1)
    .map(
      ([kind, list]) => `there are ${list.length} ${kind} of this site: ${list.map((x) => x.id).join(", ")}`,
    );
}

/** The log's owner and the site's are one, but for the moments of a hand-over. */
function dataOddities({ config, seen, data, now }: StatusInput): string[] {
  const { state: site } = seen;
  const alive = seen.instances.some((i) => i.alive && i.id === site?.owner);
  if (config.state === undefined || site?.state !== "serving" || !alive) return [];
  const settled = now - Date.parse(site.since) > HANDED_OVER_MS;
  if (!settled) return [];
  if (data === undefined) {
    return ["[state] is in everspot.toml, and nothing of what the site writes is in its bucket yet"];
  }
  const broken = (data.drill?.failures ?? []).map(
    (failure) => `what the site has written cannot be restored whole (${data.drill?.at}): ${failure}`,
  );
  return [...broken, ...ownerOddities(data, site)];
}

/** Who keeps it is who serves. */
function ownerOddities(data: DataSeen, site: SiteState): string[] {
  if (data.epoch !== site.epoch) {
    return [
      `what the site writes is kept by ${data.by}, epoch ${data.epoch}, and the site belongs to ${site.owner}, epoch ${site.epoch}`,
    ];
  }
  return data.kind === "seal" || data.kind === "fence"
    ? [`${site.owner} serves, and its log ends with a ${data.kind}: writes wait`]
    : [];
}

/** A hand-over is over by then. */
const HANDED_OVER_MS = 60_000;
