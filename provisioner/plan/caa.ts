/** Whether CAA records let the certificate authority issue for the site's names (RFC 8659). Pure. */
import { certificateNames } from "../../agent/site/certificate-names.ts";
import type { SiteConfig } from "../config/site-config.ts";
import type { DnsSeen } from "../seen/observe.ts";
import { upTo } from "../seen/zone.ts";
import { requestsCertificate } from "../wanted/certificate.ts";
import { error, type Finding } from "./findings.ts";

interface Authority {
  name: string;
  /** What a CAA record may call it. */
  identities: readonly string[];
}

/** Let's Encrypt's documentation, "Certificate Authority Authorization (CAA)"; ACM's user guide, the same title. */
const LETSENCRYPT = { name: "Let's Encrypt", identities: ["letsencrypt.org"] };
const AMAZON = {
  name: "ACM",
  identities: ["amazon.com", "amazontrust.com", "awstrust.com", "amazonaws.com"],
};

/**
 * @param above CAA records of the closest name above the zone that has any.
 */
export function caaFindings(config: SiteConfig, dns: DnsSeen, above: readonly string[]): Finding[] {
  const authority = authorityOf(config);
  if (authority === undefined) return [];
  const forbidding = certificateNames(config).flatMap((name) => {
    const { at, values } = relevant(name.replace(/^\*\./, ""), dns, above);
    const stands = forbids(values.map(parseCaa), name.startsWith("*."), authority);
    return stands ? [{ name, at, values }] : [];
  });
  const sets = new Map(forbidding.map((f) => [f.at, f]));
  return [...sets.values()].map(({ at, values }) => {
    const names = forbidding.filter((f) => f.at === at).map((f) => f.name);
    const tag = names.some((n) => !n.startsWith("*.")) ? "issue" : "issuewild";
    return error(
      `CAA records of ${at} forbid ${authority.name} to issue for ${names.join(", ")}: ${values.join(", ")}`,
      `add the value 0 ${tag} "${authority.identities[0]}" to the CAA record of ${at}`,
    );
  });
}

/** Undefined for one whose identity we do not know, and for a certificate that the operator sees to. */
function authorityOf(config: SiteConfig): Authority | undefined {
  const { source, directory } = config.certificate;
  if (source === "acm") return requestsCertificate(config) ? AMAZON : undefined;
  return new URL(directory).hostname.endsWith(".api.letsencrypt.org") ? LETSENCRYPT : undefined;
}

/** The records of the closest name that has any, from the name upwards (§3). */
function relevant(
  name: string,
  { zone, records }: DnsSeen,
  above: readonly string[],
): { at: string; values: readonly string[] } {
  for (const at of upTo(zone.name, name)) {
    const values = records.filter((r) => r.type === "CAA" && r.name === at).flatMap((r) => r.values);
    if (values.length > 0) return { at, values };
  }
  return { at: `a domain above ${zone.name}`, values: above };
}

interface Caa {
  critical: boolean;
  tag: string;
  value: string;
}

function parseCaa(text: string): Caa {
  const [, flags = "0", tag = "", value = ""] = /^(\d+)\s+(\S+)\s+"?([^"]*)"?$/.exec(text.trim()) ?? [];
  return { critical: Number(flags) >= 128, tag: tag.toLowerCase(), value };
}

const KNOWN = ["issue", "issuewild", "iodef", "issuemail", "issuevmc", "contactemail", "contactphone"];

function forbids(records: readonly Caa[], wildcard: boolean, authority: Authority): boolean {
  if (records.some((r) => r.critical && !KNOWN.includes(r.tag))) return true;
  const wild = records.filter((r) => r.tag === "issuewild");
  const asked = wildcard && wild.length > 0 ? wild : records.filter((r) => r.tag === "issue");
  return asked.length > 0 && !asked.some((r) => permits(r.value, authority));
}

/** `letsencrypt.org; validationmethods=dns-01` (§4.2, RFC 8657): DNS is the only way that everspot validates. */
function permits(value: string, { identities }: Authority): boolean {
  const [issuer = "", ...parameters] = value.split(";").map((part) => part.trim().toLowerCase());
  const methods = parameters.find((p) => p.startsWith("validationmethods="))?.split("=")[1];
  const byDns = methods === undefined || methods.split(",").some((m) => m.trim() === "dns-01");
  return identities.includes(issuer) && byDns;
}
