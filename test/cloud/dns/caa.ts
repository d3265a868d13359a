import { plainName } from "../domain-names.ts";
import type { Zones } from "../route53/zones.ts";
import { resolve } from "./resolve.ts";

/** What a CAA record may call a certificate authority. */
export const ACM_IDENTITIES = ["amazon.com", "amazontrust.com", "awstrust.com", "amazonaws.com"];
export const LETSENCRYPT_IDENTITIES = ["letsencrypt.org"];

interface Caa {
  flags?: number;
  tag: string;
  value: string;
}

/**
 * Whether a certificate authority may issue for a name, as it looks for itself before it does (RFC 8659 §3): by the
 * records of the closest name that has any; none at all allow everyone. Parameters of a value are not looked at.
 */
export function mayIssue(zones: Zones, name: string, identities: readonly string[]): boolean {
  const wildcard = name.startsWith("*.");
  for (let at = name.replace(/^\*\./, ""); at !== ""; at = at.replace(/^[^.]+\.?/, "")) {
    const { answers } = resolve(zones, plainName(at), "CAA");
    const records = answers.flatMap((a) => (a.type === "CAA" ? [a.data as Caa] : []));
    if (records.length === 0) continue;
    const wild = records.filter((r) => r.tag === "issuewild");
    const asked = wildcard && wild.length > 0 ? wild : records.filter((r) => r.tag === "issue");
    return asked.length === 0 || asked.some((r) => identities.includes(r.value.split(";")[0]?.trim() ?? ""));
  }
  return true;
}
