/** The exportable certificate of `source = "acm"`, as far as it exists. */
import { certificateNames } from "../../agent/site/certificate-names.ts";
import type { RequestedCertificate, ValidationRecord } from "../aws/certificates.ts";
import type { Aws } from "../aws/connect.ts";
import type { DnsRecord } from "../aws/dns.ts";
import type { SiteConfig } from "../config/site-config.ts";
import { requestsCertificate } from "../wanted/certificate.ts";

export interface AcmSeen {
  names: string[];
  /** For exactly the configured names, issued or pending. */
  current: RequestedCertificate | undefined;
  /** Requested for the site earlier: for other names, or never issued. */
  others: RequestedCertificate[];
  /** Validation records of `current` that the zone lacks; undefined while ACM has not made them. */
  missing: ValidationRecord[] | undefined;
}

export async function observeAcm(config: SiteConfig, aws: Aws, zone: string): Promise<AcmSeen | undefined> {
  if (!requestsCertificate(config)) return undefined;
  const names = certificateNames(config);
  const all = await aws.certificates.requested();
  const usable = all.filter((c) => c.state !== "unusable" && c.names.join() === [...names].sort().join());
  const current = usable.find((c) => c.state === "issued") ?? usable[0];
  const missing = current?.records && (await missingRecords(aws, zone, current.records));
  return { names, current, others: all.filter((c) => c !== current), missing };
}

/** Those of a certificate's validation records that the zone lacks. */
export async function missingRecords(
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

/** What `down` deletes: certificates requested for the site, and their records unless another one needs them. */
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
