import { escapeName, isWithin } from "../domain-names.ts";
import { keyOf, type RecordSet, type RecordSets } from "../route53/record-sets.ts";
import { preferred } from "../route53/routing.ts";

/** A zone as its name servers have it. */
export interface ServedZone {
  /** Normalised, with the trailing dot. */
  name: string;
  records: RecordSets;
}

export type Found =
  /** Record sets of the name, possibly none of the type (no data). A chain of CNAMEs in its order. */
  | { kind: "found"; sets: readonly (RecordSet & { owner: string })[]; end: string | undefined }
  | { kind: "referral"; cut: RecordSet }
  | { kind: "missing" };

/**
 * What a zone says of a name (RFC 1034 §4.3.2, wildcards by RFC 4592). `end` is the name a CNAME leads to outside of
 * the zone, for whoever knows that.
 */
export function lookUp(zone: ServedZone, name: string, type: string): Found {
  const chain: (RecordSet & { owner: string })[] = [];
  let owner = name;
  for (let hops = 0; hops < 8; hops++) {
    const wanted = escapeName(owner);
    if (!isWithin(wanted, zone.name)) return { kind: "found", sets: chain, end: owner };
    const cut = cutAbove(zone, wanted, type);
    if (cut !== undefined)
      return chain.length > 0 ? { kind: "found", sets: chain, end: owner } : { kind: "referral", cut };
    const source = sourceOf(zone, wanted);
    if (source === undefined) {
      return chain.length > 0 ? { kind: "found", sets: chain, end: undefined } : { kind: "missing" };
    }
    const sets = setsOf(zone, source, type).map((set) => ({ ...set, owner }));
    const alias = type === "CNAME" ? undefined : zone.records.get(keyOf(source, "CNAME"));
    if (sets.length > 0 || alias === undefined) {
      return { kind: "found", sets: [...chain, ...sets], end: undefined };
    }
    chain.push({ ...alias, owner });
    owner = (alias.values[0] ?? "").replace(/\.$/, "");
  }
  return { kind: "found", sets: chain, end: undefined };
}

/** The name whose records answer: itself, or a wildcard above it; undefined when there is none. */
function sourceOf(zone: ServedZone, name: string): string | undefined {
  if (exists(zone, name)) return name;
  let ancestor = name;
  while (ancestor !== zone.name) {
    ancestor = ancestor.slice(ancestor.indexOf(".") + 1);
    if (exists(zone, `\\052.${ancestor}`)) return `\\052.${ancestor}`;
    if (exists(zone, ancestor)) return undefined;
  }
  return undefined;
}

/** Also true for a name that has no records but names below it. */
const exists = (zone: ServedZone, name: string): boolean =>
  [...zone.records.values()].some((set) => isWithin(set.name, name));

function setsOf(zone: ServedZone, name: string, type: string): RecordSet[] {
  const own = [...zone.records.values()].filter(
    (s) => s.name === name && (s.type === type || type === "ANY"),
  );
  const simple = own.filter((set) => set.routing === undefined);
  return [...simple, ...preferred(own.filter((set) => set.routing !== undefined))].flatMap((set) => {
    if (set.alias === undefined) return [set];
    const target = zone.records.get(keyOf(set.alias.name, set.type));
    return target === undefined ? [] : [{ ...target, name: set.name }];
  });
}

/** NS records below the apex hand the names at and below them to others. */
function cutAbove(zone: ServedZone, name: string, type: string): RecordSet | undefined {
  let at = name;
  while (at !== zone.name) {
    const cut = zone.records.get(keyOf(at, "NS"));
    if (cut !== undefined && !(at === name && type === "NS")) return cut;
    at = at.slice(at.indexOf(".") + 1);
  }
  return undefined;
}
