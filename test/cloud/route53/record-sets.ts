import { isDeepStrictEqual } from "node:util";
import type { ResourceRecordSet } from "@aws-sdk/client-route-53";
import { reversed } from "../domain-names.ts";
import type { Routing } from "./routing.ts";

/** A record set as a zone holds it: normalised name, values as sent. */
export interface RecordSet {
  name: string;
  type: string;
  /** Seconds; undefined for an alias. */
  ttl: number | undefined;
  values: readonly string[];
  /** Another name of the same zone. */
  alias: { zoneId: string; name: string; evaluateHealth: boolean } | undefined;
  /** Absent in a simple record. */
  routing?: Routing | undefined;
}

/** By `keyOf`. Never changed in place: every batch makes a new one. */
export type RecordSets = ReadonlyMap<string, RecordSet>;

/** @param identifier of a set with a routing policy. */
export const keyOf = (name: string, type: string, identifier?: string): string =>
  identifier === undefined ? `${name} ${type}` : `${name} ${type} ${identifier}`;

/** By name with labels reversed, then by type, then by identifier (API reference, ListResourceRecordSets, "Sort order"). */
export const compareRecords = (a: RecordSet, b: RecordSet): number =>
  compare(reversed(a.name), reversed(b.name)) ||
  compare(a.type, b.type) ||
  compare(a.routing?.SetIdentifier ?? "", b.routing?.SetIdentifier ?? "");

export const compare = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0);

/** What a DELETE has to give to be of this very record set; the order of values does not count. */
export function sameContent(a: RecordSet, b: RecordSet): boolean {
  if (!isDeepStrictEqual(a.routing, b.routing)) return false;
  if (a.alias !== undefined || b.alias !== undefined) {
    return (
      a.alias?.zoneId === b.alias?.zoneId &&
      a.alias?.name === b.alias?.name &&
      a.alias?.evaluateHealth === b.alias?.evaluateHealth
    );
  }
  const sorted = (record: RecordSet): string => JSON.stringify([...record.values].sort());
  return a.ttl === b.ttl && sorted(a) === sorted(b);
}

export const shapeOf = (record: RecordSet): ResourceRecordSet => ({
  Name: record.name,
  Type: record.type as ResourceRecordSet["Type"],
  ...record.routing,
  ...(record.alias === undefined
    ? { TTL: record.ttl, ResourceRecords: record.values.map((Value) => ({ Value })) }
    : {
        AliasTarget: {
          HostedZoneId: record.alias.zoneId,
          DNSName: record.alias.name,
          EvaluateTargetHealth: record.alias.evaluateHealth,
        },
      }),
});
