/** Which names a certificate is for, and which hosts it serves. Pure. */
import { certificateSet } from "./names.ts";

/**
 * The names to put into the certificate: the domain first, then aliases in their order, no duplicates. With a
 * wildcard, aliases that it covers come and go without another certificate.
 */
export function certificateNames(config: {
  domain: string;
  aliases: readonly string[];
  certificate: { wildcard?: boolean | undefined };
}): string[] {
  const plain = (name: string) => name.toLowerCase().replace(/\.$/, "");
  const domain = plain(config.domain);
  const own = config.certificate.wildcard ? [domain, `*.${domain}`] : [domain];
  return [...new Set([...own, ...uncovered(own, config.aliases.map(plain))])];
}

export const sameNames = (a: readonly string[], b: readonly string[]): boolean =>
  certificateSet(a) === certificateSet(b);

/** The names of `wanted` that a certificate for `names` does not serve (RFC 6125: `*` is one whole label). */
export function uncovered(names: readonly string[], wanted: readonly string[]): string[] {
  const has = new Set(names.map((n) => n.toLowerCase()));
  return wanted.filter((w) => !has.has(w) && (w.startsWith("*.") || !has.has(w.replace(/^[^.]+/, "*"))));
}
