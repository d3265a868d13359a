import type { Change, ResourceRecordSet } from "@aws-sdk/client-route-53";
import { escapeName, isName, isWithin } from "../domain-names.ts";
import { ContractError } from "../wire/server.ts";
import { invalidChangeBatch, invalidInput } from "./errors.ts";
import { keyOf, type RecordSet, type RecordSets, sameContent } from "./record-sets.ts";
import { POLICIES, policiesOf, type Routing } from "./routing.ts";
import { complaint, isModelledType } from "./values.ts";

/** Limits of one batch (API reference, ChangeResourceRecordSets); an UPSERT counts twice. */
const RECORDS = 1000;
const CHARACTERS = 32_000;

export interface ZoneName {
  id: string;
  /** Normalised. */
  name: string;
}

/**
 * The zone's records after a batch: all of it or nothing.
 * @throws AwsError InvalidChangeBatch with every complaint, InvalidInput for a malformed change.
 */
export function applyBatch(zone: ZoneName, before: RecordSets, changes: readonly Change[]): RecordSets {
  if (changes.length === 0)
    throw invalidInput(
      "1 validation error detected: Value '[]' at 'changeBatch.changes' failed to satisfy constraint: Member must have length greater than or equal to 1",
    );
  assertSize(changes);
  const after = new Map(before);
  const complaints: string[] = [];
  for (const change of changes) {
    const record = readRecord(change.ResourceRecordSet, change.Action ?? "", zone);
    const wrong = wrongWith(record, zone);
    if (wrong.length > 0) complaints.push(...wrong);
    else complaints.push(...applyOne(after, change.Action ?? "", record, zone));
  }
  if (complaints.length > 0) throw invalidChangeBatch(complaints);
  return after;
}

const label = (r: RecordSet): string => {
  const identifier = r.routing === undefined ? "" : `, set identifier='${r.routing.SetIdentifier}'`;
  return `[name='${r.name}', type='${r.type}'${identifier}]`;
};

function applyOne(
  records: Map<string, RecordSet>,
  action: string,
  record: RecordSet,
  zone: ZoneName,
): string[] {
  const key = keyOf(record.name, record.type, record.routing?.SetIdentifier);
  const current = records.get(key);
  if (action === "DELETE") {
    if (current === undefined)
      return [`Tried to delete resource record set ${label(record)} but it was not found`];
    if (!sameContent(current, record)) {
      return [
        `Tried to delete resource record set ${label(record)} but the values provided do not match the current values`,
      ];
    }
    if (record.name === zone.name && record.type === "SOA") {
      return ["A HostedZone must contain exactly one SOA record."];
    }
    if (record.name === zone.name && record.type === "NS") {
      return ["A HostedZone must contain at least one NS record for the zone itself."];
    }
    records.delete(key);
    return [];
  }
  if (action === "CREATE" && current !== undefined) {
    return [`Tried to create resource record set ${label(record)} but it already exists`];
  }
  const conflict = cnameConflict(records, record, zone) ?? routingConflict(records, record);
  if (conflict !== undefined) return [conflict];
  records.set(key, record);
  return [];
}

/** All sets of a name and type have the same policy, or there is one without (developer guide, "Choosing a routing policy"). */
function routingConflict(records: RecordSets, record: RecordSet): string | undefined {
  const policy = (r: RecordSet): string => (r.routing === undefined ? "none" : policiesOf(r.routing).join());
  const others = [...records.values()].filter((r) => r.name === record.name && r.type === record.type);
  return others.every((r) => policy(r) === policy(record))
    ? undefined
    : `RRSet with DNS name ${record.name}, type ${record.type}, SetIdentifier ${record.routing?.SetIdentifier ?? "null"} cannot be created as other RRSets exist with the same name and type.`;
}

/** A CNAME stands alone at its name (RFC 1034 §3.6.2). */
function cnameConflict(records: RecordSets, record: RecordSet, zone: ZoneName): string | undefined {
  const what = `RRSet of type ${record.type} with DNS name ${record.name} is not permitted`;
  if (record.type === "CNAME" && record.name === zone.name) return `${what} at apex in zone ${zone.name}`;
  const others = [...records.values()].filter((r) => r.name === record.name && r.type !== record.type);
  const conflicts = record.type === "CNAME" ? others.length > 0 : others.some((r) => r.type === "CNAME");
  return conflicts
    ? `${what} as it conflicts with other records with the same DNS name in zone ${zone.name}`
    : undefined;
}

function wrongWith(record: RecordSet, zone: ZoneName): string[] {
  if (!isWithin(record.name, zone.name) || !isName(record.name)) {
    return [`RRSet with DNS name ${record.name} is not permitted in zone ${zone.name}`];
  }
  if (record.type === "SOA" && record.name !== zone.name) {
    return [`RRSet of type SOA with DNS name ${record.name} is not permitted in zone ${zone.name}`];
  }
  if (new Set(record.values).size !== record.values.length) {
    const twice = record.values.find((value, i, all) => all.indexOf(value) !== i);
    return [`Duplicate Resource Record: '${twice ?? ""}'`];
  }
  return record.values.flatMap((value) => complaint(record.type, value) ?? []);
}

function readRecord(set: ResourceRecordSet | undefined, action: string, zone: ZoneName): RecordSet {
  if (!["CREATE", "DELETE", "UPSERT"].includes(action)) {
    throw invalidInput(
      `1 validation error detected: Value '${action}' at 'changeBatch.changes.1.member.action' failed to satisfy constraint: Member must satisfy enum value set: [CREATE, DELETE, UPSERT]`,
    );
  }
  const unsupported = [
    "GeoLocation",
    "HealthCheckId",
    "TrafficPolicyInstanceId",
    "CidrRoutingConfig",
    "GeoProximityLocation",
  ] as const;
  const member = unsupported.find((name) => set?.[name] !== undefined);
  if (member !== undefined) throw new ContractError(`${member} is not modelled`);
  const type = set?.Type ?? "";
  if (!isModelledType(type)) throw new ContractError(`records of type ${type} are not modelled`);
  const name = escapeName(set?.Name ?? "");
  const where = `Change with [Action=${action}, Name=${name}, Type=${type}, SetIdentifier=${set?.SetIdentifier ?? "null"}]`;
  const routing = readRouting(set ?? { Name: name, Type: undefined }, where);
  const alias = set?.AliasTarget;
  if (alias !== undefined) {
    if (set?.TTL !== undefined || set?.ResourceRecords !== undefined) {
      throw invalidInput(
        `Invalid request: Expected exactly one of [AliasTarget, all of [TTL, and ResourceRecords], or TrafficPolicyInstanceId], but found more than one in ${where}`,
      );
    }
    if (alias.HostedZoneId !== zone.id) throw new ContractError("aliases to another zone are not modelled");
    return {
      name,
      type,
      ttl: undefined,
      values: [],
      alias: {
        zoneId: zone.id,
        name: escapeName(alias.DNSName ?? ""),
        evaluateHealth: alias.EvaluateTargetHealth ?? false,
      },
      routing,
    };
  }
  if (set?.TTL === undefined || (set.ResourceRecords ?? []).length === 0) {
    throw invalidInput(
      `Invalid request: Expected exactly one of [AliasTarget, all of [TTL, and ResourceRecords], or TrafficPolicyInstanceId], but found none in ${where}`,
    );
  }
  if (set.TTL < 0 || set.TTL > 2_147_483_647) throw invalidInput(`Invalid TTL ${set.TTL} in ${where}`);
  return {
    name,
    type,
    ttl: set.TTL,
    values: (set.ResourceRecords ?? []).map((r) => r.Value ?? ""),
    alias: undefined,
    routing,
  };
}

function readRouting(set: ResourceRecordSet, where: string): Routing | undefined {
  const policies = policiesOf(set);
  const { SetIdentifier, Type } = set;
  if (policies.length === 0 && SetIdentifier === undefined) return undefined;
  if (Type !== "A" && Type !== "AAAA") throw new ContractError(`routing of ${Type} records is not modelled`);
  if (policies.length > 1 || SetIdentifier === undefined || policies.length === 0) {
    const what = SetIdentifier === undefined ? "SetIdentifier" : `exactly one of [${POLICIES.join(", ")}]`;
    throw invalidInput(`Invalid request: Expected ${what} in ${where}`);
  }
  return { SetIdentifier, ...Object.fromEntries(policies.map((policy) => [policy, set[policy]])) };
}

function assertSize(changes: readonly Change[]): void {
  let records = 0;
  let characters = 0;
  for (const change of changes) {
    const times = change.Action === "UPSERT" ? 2 : 1;
    for (const { Value } of change.ResourceRecordSet?.ResourceRecords ?? []) {
      records += times;
      characters += times * (Value ?? "").length;
    }
  }
  if (records > RECORDS) throw invalidChangeBatch([`Number of records limit of ${RECORDS} exceeded.`]);
  if (characters > CHARACTERS)
    throw invalidChangeBatch([`Number of characters limit of ${CHARACTERS} exceeded.`]);
}
