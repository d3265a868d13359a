/** The exportable certificate of `source = "acm"`: what there is of it, and what `up` and `down` do about it. */
import { createHash } from "node:crypto";
import { certificateNames } from "../../agent/site/certificate-names.ts";
import type { Clock } from "../../agent/site/clock.ts";
import { EverspotError } from "../../agent/site/errors.ts";
import { poll } from "../../agent/site/poll.ts";
import type { RequestedCertificate, ValidationRecord } from "../aws/certificates.ts";
import type { Aws } from "../aws/connect.ts";
import type { DnsRecord } from "../aws/dns.ts";
import type { SiteConfig } from "../config/site-config.ts";

export interface AcmSeen {
  names: string[];
  /** For exactly the configured names, issued or on its way. */
  current: RequestedCertificate | undefined;
  /** Requested for the site earlier: for other names, or it came to nothing. */
  others: RequestedCertificate[];
  /** Validation records of `current` that the zone lacks; undefined while ACM has not made them. */
  missing: ValidationRecord[] | undefined;
}

/** `up` sees to it; one that the configuration names is the operator's own. */
export const requestsCertificate = ({ certificate }: SiteConfig): boolean =>
  certificate.source === "acm" && certificate.arn === undefined;

export async function observeAcm(config: SiteConfig, aws: Aws, zone: string): Promise<AcmSeen | undefined> {
  if (!requestsCertificate(config)) return undefined;
  const names = certificateNames(config);
  const all = await aws.certificates.requested();
  const usable = all.filter((c) => c.state !== "unusable" && c.names.join() === [...names].sort().join());
  const current = usable.find((c) => c.state === "issued") ?? usable[0];
  const missing = current?.records && (await missingRecords(aws, zone, current.records));
  return { names, current, others: all.filter((c) => c !== current), missing };
}

async function missingRecords(
  aws: Aws,
  zone: string,
  records: readonly ValidationRecord[],
): Promise<ValidationRecord[]> {
  const found = await aws.dns.recordsAt(
    zone,
    records.map((r) => r.name),
  );
  return records.filter((r) => !found.some((f) => isValidation(f, r)));
}

const isValidation = (found: DnsRecord, wanted: ValidationRecord): boolean =>
  found.type === "CNAME" &&
  found.name === wanted.name &&
  found.values.some((v) => v.replace(/\.$/, "") === wanted.value.replace(/\.$/, ""));

/** Stands in a plan for the ARN that is not there yet. */
const UNKNOWN = "to-be-requested";

/** The configuration with the ARN of the certificate that `up` requested, or will. */
export function withCertificate(
  config: SiteConfig,
  where: { account: string; partition: string },
  arn: string | undefined,
): SiteConfig {
  if (!requestsCertificate(config)) return config;
  const unknown = `arn:${where.partition}:acm:${config.region}:${where.account}:certificate/${UNKNOWN}`;
  return { ...config, certificate: { ...config.certificate, arn: arn ?? unknown } };
}

/** What an earlier request came to counts, so that one after a failure is not taken for the same. */
export const requestToken = (site: string, { names, others }: Pick<AcmSeen, "names" | "others">): string =>
  createHash("sha256")
    .update(JSON.stringify([site, names, others.map((c) => c.arn)]))
    .digest("hex")
    .slice(0, 32);

/** ACM makes the records some seconds after a request. */
const RECORD_SECONDS = 60;
/** Seconds resolvers may keep a validation record; it never changes. */
const RECORD_TTL = 300;
/** "Validation can take up to 30 minutes" (ACM user guide, DNS validation); usually a few. */
const ISSUE_SECONDS = 1800;

/** Puts the validation records into the zone. Repeating it changes nothing. @returns how many there are. */
export async function validate(aws: Aws, arn: string, zone: string, clock: Clock): Promise<string> {
  const records = await poll(
    "the validation records of ACM",
    async () => {
      const { records: made, status } = await aws.certificates.describe(arn);
      return made === undefined ? { waiting: status } : { done: made };
    },
    { seconds: RECORD_SECONDS, everySeconds: 2, clock, hint: "run `everspot up` again" },
  );
  const missing = await missingRecords(aws, zone, records);
  await aws.dns.put(
    zone,
    missing.map((r) => ({ name: r.name, type: r.type, ttl: RECORD_TTL, values: [r.value] })),
  );
  return `${records.length} CNAME${records.length === 1 ? "" : "s"}`;
}

/** @throws EverspotError when ACM will not issue it, or has not after half an hour. */
export async function untilIssued(aws: Aws, arn: string, clock: Clock): Promise<undefined> {
  await poll<true>(
    "ACM issues the certificate",
    async () => {
      const { state, status } = await aws.certificates.describe(arn);
      if (state === "unusable") {
        throw new EverspotError(`ACM did not issue the certificate: ${status}`, {
          resource: arn,
          hint: "CAA_ERROR: the zone's CAA records must allow amazon.com; otherwise run `everspot up` again",
        });
      }
      return state === "issued" ? { done: true } : { waiting: status };
    },
    {
      ...{ seconds: ISSUE_SECONDS, everySeconds: 10, clock },
      hint: "run `everspot up` again; it goes on waiting. The domain's name servers must be the zone's",
    },
  );
  return undefined;
}

/** What `down` takes away: certificates requested for the site, and their records unless another one needs them. */
export interface AcmLeft {
  arns: string[];
  records: DnsRecord[];
}

export async function observeAcmLeft(aws: Aws, zone: string | undefined): Promise<AcmLeft> {
  const requested = await aws.certificates.requested();
  const arns = requested.map((c) => c.arn);
  if (zone === undefined || arns.length === 0) return { arns, records: [] };
  const names = [...new Set(requested.flatMap((c) => c.names))];
  const kept = await aws.certificates.alsoFor(names, arns);
  const wanted = requested
    .flatMap((c) => c.records ?? [])
    .filter((r) => !kept.some((name) => r.name.replace(/^[^.]+\./, "") === name.replace(/^\*\./, "")));
  const found = await aws.dns.recordsAt(zone, [...new Set(wanted.map((r) => r.name))]);
  return { arns, records: found.filter((f) => wanted.some((w) => isValidation(f, w))) };
}
