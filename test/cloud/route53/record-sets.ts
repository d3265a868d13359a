import type { ResourceRecordSet } from "@aws-sdk/client-route-53";
import { reversed } from "../domain-names.ts";

/** A record set as a zone holds it: normalised name, values as sent. */
export interface RecordSet {
  name: string;
  type: string;
  /** Seconds; undefined for an alias. */
  ttl: number | undefined;
  values: readonly string[];
  /** Another name of the same zone. */
  alias: { zoneId: string; name: string; evaluateHealth: boolean } | undefined;
}

/** By `keyOf`. Never changed in place: every batch makes a new one. */
export type RecordSets = ReadonlyMap<string, RecordSet>;

export const keyOf = (name: string, type: string): string => `${name} ${type}`;

/** By name with labels reversed, then by type (API reference, ListResourceRecordSets, "Sort order"). */
export const compareRecords = (a: RecordSet, b: RecordSet): number =>
  compare(reversed(a.name), reversed(b.name)) || compare(a.type, b.type);

export const compare = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0);

/** What a DELETE has to give to be of this very record set; the order of values does not count. */
export function sameContent(a: RecordSet, b: RecordSet): boolean {
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
