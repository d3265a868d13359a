/** What is odd about a site, a sentence each. Pure. */
import { type BootRecord, failedStep } from "../../agent/site/boot-record.ts";
import { isLate } from "../../agent/site/certificate-due.ts";
import type { CertificatePointer } from "../../agent/site/certificates.ts";
import type { SiteState } from "../../agent/site/documents/site-state.ts";
import type { SiteConfig } from "../config/site-config.ts";
import { parseVersion } from "../wanted/template.ts";
import { inWords, isUp } from "./answer.ts";
import { currentOf } from "./current.ts";
import { imageOddity } from "./image-age.ts";
import { usd } from "./notices.ts";
import type { DnsSeen, SiteSeen } from "./observe.ts";
import type { DataSeen, StatusInput } from "./status-input.ts";

/** What a person should look at. @param mail as the status has it. */
export const oddities = (input: StatusInput, mail: Mail | undefined): string[] => [
  ...siteOddities(input),
  ...dataOddities(input),
  ...input.alerts.map(({ text, since }) => `since ${since}: ${text}`),
  ...toldOddities(input, mail),
];

interface Mail {
  email: string;
  confirmed: boolean;
}

function siteOddities(input: StatusInput): string[] {
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
    return ["[state] is in everspot.toml, but nothing that the site writes is in its bucket yet"];
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
      `what the site writes is kept by ${data.by}, epoch ${data.epoch}, but the site belongs to ${site.owner}, epoch ${site.epoch}`,
    ];
  }
  return data.kind === "seal" || data.kind === "fence"
    ? [`${site.owner} serves, and its log ends with a ${data.kind}: writes wait`]
    : [];
}

/** A hand-over is over by then. */
const HANDED_OVER_MS = 60_000;

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

function toldOddities(input: StatusInput, mail: Mail | undefined): string[] {
  const { budget } = input.notices ?? {};
  return [
    ...(mail === undefined || mail.confirmed
      ? []
      : [
          `${mail.email} gets no mail yet: the link in AWS's mail ("Subscription Confirmation") has not been followed; \`everspot up\` has AWS send another once it has forgotten the first, after two days`,
        ]),
    ...(budget !== undefined && budget.spent > budget.monthly
      ? [`the account has spent ${usd(budget.spent)} this month, and its budget is ${usd(budget.monthly)}`]
      : []),
    ...(input.config.budget !== undefined && input.notices !== undefined && budget === undefined
      ? ["[budget] is in everspot.toml, but AWS has no such budget: `everspot up` makes it"]
      : []),
  ];
}
