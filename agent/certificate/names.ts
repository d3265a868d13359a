/** Which names a certificate is for, and which hosts it serves. Pure. */
import { certificateSet } from "../site/names.ts";

/** The names to put into the certificate: the domain first, then aliases in their order, no duplicates. */
export function certificateNames(config: { domain: string; aliases: readonly string[] }): string[] {
  return [...new Set([config.domain, ...config.aliases].map((n) => n.toLowerCase().replace(/\.$/, "")))];
}

export const sameNames = (a: readonly string[], b: readonly string[]): boolean =>
  certificateSet(a) === certificateSet(b);

/** The names of `wanted` that a certificate for `names` does not serve (RFC 6125: `*` is one whole label). */
export function uncovered(names: readonly string[], wanted: readonly string[]): string[] {
  const has = new Set(names.map((n) => n.toLowerCase()));
  return wanted.filter((w) => !has.has(w) && (w.startsWith("*.") || !has.has(w.replace(/^[^.]+/, "*"))));
}
