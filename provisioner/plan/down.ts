import { challengeRecord, fenceRecord, keys } from "../../agent/site/names.ts";
import type { DnsRecord } from "../aws/dns.ts";
import type { SiteConfig } from "../config/site-config.ts";
import type { AcmLeft } from "../seen/acm.ts";
import type { DnsSeen, SiteSeen } from "../seen/observe.ts";

/** One step of `down`. */
export type DownAction =
  | { do: "delete-fleet"; fleet: string }
  | { do: "terminate-instances"; instances: readonly string[] }
  | { do: "wait-for-instances" }
  | { do: "delete-records"; zone: string; records: readonly DnsRecord[] }
  | { do: "delete-template"; template: string }
  | { do: "delete-image"; image: string }
  | { do: "delete-snapshot"; snapshot: string }
  | { do: "delete-group"; group: string }
  | { do: "disassociate"; association: string }
  | { do: "delete-route-table"; table: string }
  | { do: "delete-subnet"; subnet: string; zone: string }
  | { do: "detach-gateway"; gateway: string; vpc: string }
  | { do: "delete-gateway"; gateway: string }
  | { do: "delete-vpc"; vpc: string }
  | { do: "delete-volume"; volume: string }
  | { do: "delete-secrets"; names: readonly string[] }
  | { do: "delete-certificate"; arn: string }
  | { do: "delete-validation"; zone: string; records: readonly DnsRecord[] }
  | { do: "remove-role-from-profile"; role: string }
  | { do: "delete-topic" | "delete-budget" }
  | { do: "delete-profile" | "delete-role-policy" | "delete-role" | "delete-deploy-role" | "delete-drill" }
  /** `keep`: a prefix that stays. `certificate`: whether the site's certificate goes with it. */
  | { do: "empty-bucket"; keep: string | undefined; certificate: boolean; written: Written | undefined }
  | { do: "delete-bucket" }
  | { do: "delete-logs"; group: string };

/** What the site has written, as it lies in the bucket now. Sizes in bytes. */
export interface Written {
  size: number;
  uploads: number;
  uploadsSize: number;
}

/** What goes besides what costs money. The certificate goes only with the data. */
export interface Deletes {
  deleteData: boolean;
  deleteCertificate?: boolean;
}

export interface DownSeen extends SiteSeen {
  dns: DnsSeen | undefined;
  /** Volumes that outlived their instance. */
  volumes: readonly string[];
  /** Ids of the snapshots that the site's own images stand on, or stood on. */
  snapshots: readonly string[];
  /** Whether the bucket has certificates, or the ledger of what was ordered. */
  hasCertificate: boolean;
  /** Undefined when that is nothing, or was not asked. */
  written: Written | undefined;
  /** Whether it has anything else, in whatever version. */
  hasMore: boolean;
  /** Names of the app's secrets. */
  secrets: readonly string[];
  /** ARNs of copies of the certificate in ACM. */
  certificates: readonly string[];
  /** Certificates that were requested from ACM. */
  acm: AcmLeft;
  /** The site's log group. */
  logs: string | undefined;
  /** Whether there is a role to deploy with from GitHub. */
  deployRole: boolean;
  /** Whether a drill that was killed left its role. */
  drillRole: boolean;
  /** What mails a person. */
  notices: { topic: boolean; budget: boolean };
}

/** Removes all there is of the site, and whatever uses a thing before the thing itself. */
export function planDown(config: SiteConfig, seen: DownSeen, options: Deletes): DownAction[] {
  const { network, roles } = seen;
  const actions: (DownAction | undefined)[] = [
    ...seen.fleets.filter((f) => f.alive).map((f) => ({ do: "delete-fleet" as const, fleet: f.id })),
    ...instances(seen),
    // After the instances, or the last of them would restore its records.
    records(config, seen),
    ...acm(seen, options),
    ...seen.templates.map((t) => ({ do: "delete-template" as const, template: t.id })),
    ...seen.images.map((i) => ({ do: "delete-image" as const, image: i.id })),
    ...seen.snapshots.map((snapshot) => ({ do: "delete-snapshot" as const, snapshot })),
    ...network.groups.map((g) => ({ do: "delete-group" as const, group: g.id })),
    ...network.routeTables.flatMap((t) => [
      ...t.associations.map((a) => ({ do: "disassociate" as const, association: a.id })),
      { do: "delete-route-table" as const, table: t.id },
    ]),
    ...network.subnets.map((s) => ({ do: "delete-subnet" as const, subnet: s.id, zone: s.zone })),
    ...network.gateways.flatMap((g) => [
      ...(g.vpc === undefined ? [] : [{ do: "detach-gateway" as const, gateway: g.id, vpc: g.vpc }]),
      { do: "delete-gateway" as const, gateway: g.id },
    ]),
    ...network.vpcs.map((v) => ({ do: "delete-vpc" as const, vpc: v.id })),
    ...seen.volumes.map((volume) => ({ do: "delete-volume" as const, volume })),
    ...(roles.profile?.roles ?? []).map((role) => ({ do: "remove-role-from-profile" as const, role })),
    roles.profile && { do: "delete-profile" },
    roles.role?.policy === undefined ? undefined : { do: "delete-role-policy" },
    roles.role && { do: "delete-role" },
    // After the instances, which write there.
    seen.logs === undefined ? undefined : { do: "delete-logs", group: seen.logs },
    seen.deployRole ? { do: "delete-deploy-role" } : undefined,
    seen.drillRole ? { do: "delete-drill" } : undefined,
    seen.notices.topic ? { do: "delete-topic" } : undefined,
    seen.notices.budget ? { do: "delete-budget" } : undefined,
    ...(options.deleteData ? data(seen, keepsCertificate(seen, options)) : []),
  ];
  return actions.filter((a) => a !== undefined);
}

/**
 * ACM would keep renewing it, for a fee. What proves the names to ACM stays: certificates that its list does not show,
 * such as those of other regions, renew by the same records (ACM User Guide, "DNS validation").
 */
function acm({ acm: { arns, records }, dns }: DownSeen, { deleteCertificate }: Deletes): DownAction[] {
  return [
    ...arns.map((arn) => ({ do: "delete-certificate" as const, arn })),
    ...(dns === undefined || records.length === 0 || deleteCertificate !== true
      ? []
      : [{ do: "delete-validation" as const, zone: dns.zone.id, records }]),
  ];
}

/**
 * An order too many locks a newcomer out for days (Let's Encrypt: 5 certificates of the same names in 7 days), so what
 * was ordered, and the ledger of it, outlive the rest, with the copies in ACM that the pointer names.
 */
export const keepsCertificate = (seen: DownSeen, { deleteData, deleteCertificate }: Deletes): boolean =>
  deleteData && deleteCertificate !== true && seen.bucket !== undefined && seen.hasCertificate;

/** What a site continues with when it is brought up again. */
function data(seen: DownSeen, keeps: boolean): DownAction[] {
  const empty = {
    ...{ do: "empty-bucket" as const, certificate: seen.hasCertificate && !keeps, written: seen.written },
    keep: keeps ? keys.certificatesPrefix : undefined,
  };
  return [
    ...(seen.secrets.length > 0 ? [{ do: "delete-secrets" as const, names: seen.secrets }] : []),
    ...(keeps ? [] : seen.certificates.map((arn) => ({ do: "delete-certificate" as const, arn }))),
    ...(seen.bucket === undefined || (keeps && !seen.hasMore) ? [] : [empty]),
    ...(seen.bucket === undefined || keeps ? [] : [{ do: "delete-bucket" as const }]),
  ];
}

const over = (state: string): boolean => state === "terminated";

function instances(seen: DownSeen): DownAction[] {
  const left = seen.instances.filter((i) => !over(i.state));
  const running = left.filter((i) => i.state !== "shutting-down").map((i) => i.id);
  return [
    ...(running.length > 0 ? [{ do: "terminate-instances" as const, instances: running }] : []),
    ...(left.length > 0 || seen.fleets.some((f) => f.alive) ? [{ do: "wait-for-instances" as const }] : []),
  ];
}

function records(config: SiteConfig, { dns, ...seen }: DownSeen): DownAction | undefined {
  if (dns === undefined) return undefined;
  const own = ownRecords(config, dns, ownAddresses(seen));
  return own.length === 0 ? undefined : { do: "delete-records", zone: dns.zone.id, records: own };
}

/** Addresses that the site's instances have or had. */
export const ownAddresses = (seen: Pick<SiteSeen, "instances" | "state">): string[] => [
  ...seen.instances.flatMap((i) => i.address ?? []),
  ...(seen.state === undefined ? [] : [seen.state.address]),
];

/**
 * The records that are the site's: none unless it holds the fence; then the fence, what certbot may have left, and
 * the A records that point to one of its instances. A record pointed elsewhere by hand is someone's wish.
 */
export function ownRecords(
  config: SiteConfig,
  dns: Pick<DnsSeen, "records" | "ours">,
  addresses: readonly string[],
): DnsRecord[] {
  if (!dns.ours) return [];
  const names = [config.domain, ...config.aliases];
  const texts = new Set([fenceRecord(config.domain), ...names.map(challengeRecord)]);
  return dns.records.filter(
    (r) =>
      (r.type === "TXT" && texts.has(r.name)) ||
      (r.type === "A" &&
        names.includes(r.name) &&
        r.values.length > 0 &&
        r.values.every((v) => addresses.includes(v))),
  );
}

const CERTIFICATE_COSTS =
  "the next `up` orders another one, of the 5 that Let's Encrypt gives for the same names in 7 days";

export function describeDown(action: DownAction): string {
  switch (action.do) {
    case "delete-fleet":
      return `delete the fleet ${action.fleet} and its instances`;
    case "terminate-instances":
      return `terminate ${action.instances.join(", ")}`;
    case "wait-for-instances":
      return "wait until every instance is gone";
    case "delete-records":
      return `delete the records ${action.records.map((r) => `${r.type} ${r.name}`).join(", ")}`;
    case "delete-template":
      return `delete the launch template ${action.template}`;
    case "delete-image":
      return `deregister the image ${action.image}`;
    case "delete-snapshot":
      return `delete the snapshot ${action.snapshot}`;
    case "delete-group":
      return `delete the security group ${action.group}`;
    case "disassociate":
      return `disassociate a subnet from the route table (${action.association})`;
    case "delete-route-table":
      return `delete the route table ${action.table}`;
    case "delete-subnet":
      return `delete the subnet ${action.subnet} in ${action.zone}`;
    case "detach-gateway":
      return `detach the internet gateway ${action.gateway}`;
    case "delete-gateway":
      return `delete the internet gateway ${action.gateway}`;
    case "delete-vpc":
      return `delete the VPC ${action.vpc}`;
    case "delete-volume":
      return `delete the volume ${action.volume}`;
    case "delete-secrets":
      return `delete the secrets ${action.names.join(", ")}`;
    case "delete-certificate":
      return `delete the certificate ${action.arn} from ACM`;
    case "delete-validation":
      return `delete the records ${action.records.map((r) => `${r.type} ${r.name}`).join(", ")}: certificates of these names that ACM may have in other regions would no longer renew`;
    case "remove-role-from-profile":
      return `remove the role ${action.role} from the instance profile`;
    case "delete-profile":
      return "delete the instance profile";
    case "delete-role-policy":
      return "delete the role's policy";
    case "delete-role":
      return "delete the role";
    case "delete-deploy-role":
      return "delete the role that deploys from GitHub";
    case "delete-topic":
      return "delete the SNS topic that mails";
    case "delete-budget":
      return "delete the AWS budget";
    case "delete-drill":
      return "delete what a drill left";
    case "empty-bucket": {
      const written = action.written === undefined ? "" : `${describeWritten(action.written)}, forever; `;
      if (action.keep !== undefined)
        return `${written}delete everything in the bucket, old versions too, but the certificate and what was noted of its orders`;
      return `${written}delete everything in the bucket, old versions too${action.certificate ? `, with the certificate: ${CERTIFICATE_COSTS}` : ""}`;
    }
    case "delete-logs":
      return `delete the log group ${action.group}, and with it what the site said in the last 30 days`;
    case "delete-bucket":
      return "delete the bucket";
  }
}

const describeWritten = ({ size, uploads, uploadsSize }: Written): string =>
  `delete what the site has written (${inMegabytes(size)} of databases and their history${
    uploads === 0 ? "" : `, ${uploads} upload${uploads === 1 ? "" : "s"} with ${inMegabytes(uploadsSize)}`
  })`;

const inMegabytes = (bytes: number): string => `${(bytes / 1e6).toFixed(1)} MB`;

/** What is still there after `down`, each with its id; data counts only if it was to be deleted too. */
export function leftovers(config: SiteConfig, seen: DownSeen, options: Deletes): string[] {
  const keeps = keepsCertificate(seen, options);
  const { network, roles } = seen;
  const own = seen.dns === undefined ? [] : ownRecords(config, seen.dns, ownAddresses(seen));
  return [
    ...seen.fleets.filter((f) => f.alive).map((f) => `fleet ${f.id}`),
    ...seen.instances.filter((i) => !over(i.state)).map((i) => `instance ${i.id} (${i.state})`),
    ...[...own, ...(options.deleteCertificate === true ? seen.acm.records : [])].map(
      (r) => `record ${r.type} ${r.name}`,
    ),
    ...seen.acm.arns.map((arn) => `certificate ${arn}`),
    ...seen.templates.map((t) => `launch template ${t.id}`),
    ...seen.images.map((i) => `image ${i.id}`),
    ...seen.snapshots.map((s) => `snapshot ${s}`),
    ...network.groups.map((g) => `security group ${g.id}`),
    ...network.routeTables.map((t) => `route table ${t.id}`),
    ...network.subnets.map((s) => `subnet ${s.id}`),
    ...network.gateways.map((g) => `internet gateway ${g.id}`),
    ...network.vpcs.map((v) => `VPC ${v.id}`),
    ...seen.volumes.map((v) => `volume ${v}`),
    ...(roles.profile === undefined ? [] : ["instance profile"]),
    ...(roles.role === undefined ? [] : ["role"]),
    ...(seen.logs === undefined ? [] : [`log group ${seen.logs}`]),
    ...(seen.deployRole ? ["deploy role"] : []),
    ...(seen.notices.topic ? ["SNS topic"] : []),
    ...(seen.notices.budget ? ["AWS budget"] : []),
    ...(options.deleteData
      ? [
          ...seen.secrets.map((name) => `secret ${name}`),
          ...(keeps ? [] : seen.certificates.map((arn) => `certificate ${arn}`)),
          ...(seen.bucket === undefined || keeps ? [] : ["bucket"]),
          ...(keeps && seen.hasMore ? ["objects in the bucket"] : []),
        ]
      : []),
  ];
}
