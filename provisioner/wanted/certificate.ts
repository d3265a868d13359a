/** What the configuration asks of ACM: the exportable certificate of `source = "acm"`. Pure. */
import type { SiteConfig } from "../config/site-config.ts";

/** `up` sees to it; one that the configuration names is the operator's own. */
export const requestsCertificate = ({ certificate }: SiteConfig): boolean =>
  certificate.source === "acm" && certificate.arn === undefined;

/** Stands in a plan for the ARN that is not there yet. */
const UNKNOWN = "to-be-requested";

/** The configuration with the ARN of the certificate that `up` requested, or will. */
export function withCertificate(
  config: SiteConfig,
  where: { account: string; partition: string },
  arn?: string,
): SiteConfig {
  if (!requestsCertificate(config)) return config;
  const unknown = `arn:${where.partition}:acm:${config.region}:${where.account}:certificate/${UNKNOWN}`;
  return { ...config, certificate: { ...config.certificate, arn: arn ?? unknown } };
}
