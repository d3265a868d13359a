import type { Answer } from "dns-packet";
import { escapeName, isWithin, plainName } from "../domain-names.ts";
import { keyOf } from "../route53/record-sets.ts";
import type { Zone, Zones } from "../route53/zones.ts";
import { lookUp, type ServedZone } from "./lookup.ts";
import { toAnswers } from "./wire-records.ts";

/** RFC 1035 §4.1.1. */
export const RCODE = { NOERROR: 0, FORMERR: 1, SERVFAIL: 2, NXDOMAIN: 3, NOTIMP: 4, REFUSED: 5 } as const;
export type Rcode = keyof typeof RCODE;

export interface Resolution {
  rcode: Rcode;
  authoritative: boolean;
  answers: Answer[];
  authorities: Answer[];
}

const nothing = (rcode: Rcode): Resolution => ({ rcode, authoritative: false, answers: [], authorities: [] });

/**
 * Answers a question from the zones that are delegated to us and visible now; names of no zone are REFUSED.
 * A zone that its parent delegates elsewhere is as good as not there: its NS are the others', its names unknown.
 */
export function resolve(zones: Zones, name: string, type: string): Resolution {
  const zone = zoneOf(zones, escapeName(name));
  if (zone === undefined) return nothing("REFUSED");
  if (zone.elsewhere !== undefined) return delegatedElsewhere(zone, zone.elsewhere, name, type);
  const served: ServedZone = { name: zone.name, records: zones.visible(zone) ?? new Map() };
  const found = lookUp(served, name, type);
  if (found.kind === "missing")
    return { ...nothing("NXDOMAIN"), authoritative: true, authorities: soa(served) };
  if (found.kind === "referral") {
    return { ...nothing("NOERROR"), authorities: toAnswers(found.cut, plainName(found.cut.name)) };
  }
  const answers = found.sets.flatMap((set) => toAnswers(set, set.owner));
  if (found.end !== undefined) {
    const rest = resolve(zones, found.end, type);
    const known = rest.rcode === "NOERROR" || rest.rcode === "NXDOMAIN";
    return {
      ...(known ? rest : nothing("NOERROR")),
      authoritative: true,
      answers: [...answers, ...rest.answers],
    };
  }
  const noData = !found.sets.some((set) => set.type === type || type === "ANY");
  return { rcode: "NOERROR", authoritative: true, answers, authorities: noData ? soa(served) : [] };
}

/** The closest; of several with one name the first that is delegated to us, as only one can be. */
function zoneOf(zones: Zones, name: string): Zone | undefined {
  return [...zones.all.values()]
    .filter((zone) => isWithin(name, zone.name) && zones.visible(zone) !== undefined)
    .sort((a, b) => b.name.length - a.name.length || order(a) - order(b))[0];
}

const order = (zone: Zone): number => (zone.elsewhere === undefined ? 0 : 1);

function delegatedElsewhere(zone: Zone, others: readonly string[], name: string, type: string): Resolution {
  if (escapeName(name) !== zone.name) return nothing("NXDOMAIN");
  const values = type === "NS" ? others.map((n) => `${n}.`) : [];
  return {
    ...nothing("NOERROR"),
    answers: toAnswers({ name: zone.name, type: "NS", ttl: 3600, values, alias: undefined }, name),
  };
}

/** How long "no" may be remembered: the lesser of the SOA's TTL and its minimum (RFC 2308 §5). */
function soa(zone: ServedZone): Answer[] {
  const set = zone.records.get(keyOf(zone.name, "SOA"));
  if (set === undefined) return [];
  const minimum = Number(set.values[0]?.split(/\s+/).at(-1));
  return toAnswers({ ...set, ttl: Math.min(set.ttl ?? 0, minimum) }, plainName(zone.name));
}
