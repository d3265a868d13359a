/** What the configuration asks of ACM: the exportable certificate of `source = "acm"`. Pure. */
import type { SiteConfig } from "../config/site-config.ts";

/** Whether `up` sees to the certificate; one that the configuration names is the operator's own. */
export const requestsCertificate = ({ certificate }: SiteConfig): boolean =>
  certificate.source === "acm" && certificate.arn === undefined;

/** Stands in a plan for an ARN that does not exist yet. */
const UNKNOWN = "to-be-requested";

/** The configuration with the ARN of the certificate that `up` has requested, or will request. */
export function withCertificate(
  config: SiteConfig,
  where: { account: string; partition: string },
  arn?: string,
): SiteConfig {
  if (!requestsCertificate(config)) return config;
  const unknown = `arn:${where.partition}:acm:${config.region}:${where.account}:certificate/${UNKNOWN}`;
  return { ...config, certificate: { ...config.certificate, arn: arn ?? unknown } };
}
