import * as client from "@aws-sdk/client-route-53";
import { type Clock, systemClock } from "../../agent/site/clock.ts";
import { escapeName, reversed } from "./domain-names.ts";
import { applyBatch } from "./route53/batch.ts";
import { invalidInput } from "./route53/errors.ts";
import { compare, compareRecords, keyOf, type RecordSet, shapeOf } from "./route53/record-sets.ts";
import { registerZones } from "./route53/zone-operations.ts";
import { type Change, type Delays, Zones } from "./route53/zones.ts";
import { AwsError, type WireServer } from "./wire/server.ts";

export { priorRequestNotComplete, throttling } from "./route53/errors.ts";

/** Most record sets of one page, and the default. */
const PAGE = 300;

/**
 * Route 53: public hosted zones and their records.
 * Not modelled (ContractError): routing by place or client, health checks, aliases to other zones, types beyond A, AAAA, CAA,
 * CNAME, MX, NS, PTR, SOA, TXT, DNSSEC, domains, delegation sets. Faults: `WireServer.disturb` with
 * `priorRequestNotComplete()` or `throttling()`.
 */
export class Route53 {
  /** Also what the DNS server answers from. */
  readonly zones: Zones;

  constructor(wire: WireServer, options: { clock?: Clock } & Partial<Delays> = {}) {
    this.zones = new Zones(options.clock ?? systemClock, {
      insyncMs: options.insyncMs ?? 0,
      dnsMs: options.dnsMs,
    });
    wire
      .use(client, "route53")
      .on("route53", "ChangeResourceRecordSets", (input: client.ChangeResourceRecordSetsRequest) =>
        this.#change(input),
      )
      .on("route53", "GetChange", (input: client.GetChangeRequest) => this.#getChange(input))
      .on("route53", "ListResourceRecordSets", (input: client.ListResourceRecordSetsRequest) =>
        this.#listRecords(input),
      );
    registerZones(wire, this.zones, (change) => this.#shapeOf(change));
  }

  /** Settable at any time; 0 and undefined by default: INSYNC and seen at once. */
  get delays(): Delays {
    return this.zones.delays;
  }

  /**
   * Whether the parent of a zone (by id) delegates to it; it does from the start, unless it has a zone of that name
   * already. If not, DNS answers NS questions with `others`, and nothing else of the zone.
   */
  delegated(
    zoneId: string,
    yes: boolean,
    others: readonly string[] = ["ns1.elsewhere.example", "ns2.elsewhere.example"],
  ): void {
    const zone = this.zones.get(zoneId);
    if (yes) {
      const twins = [...this.zones.all.values()].filter((z) => z.name === zone.name);
      for (const twin of twins) twin.elsewhere = zone.nameServers;
    }
    zone.elsewhere = yes ? undefined : others;
  }

  /** Of a zone, by ARN; undefined for an ARN of nothing here. */
  tagsOf(arn: string): Record<string, string> | undefined {
    const zone = this.zones.all.get(arn.replace("arn:aws:route53:::hostedzone/", ""));
    return zone === undefined ? undefined : Object.fromEntries(zone.tags);
  }

  /** A record set as the API has it now. `name` in any spelling. */
  find(zoneId: string, name: string, type: string): RecordSet | undefined {
    return this.zones.get(zoneId).records.get(keyOf(escapeName(name), type));
  }

  #change(input: client.ChangeResourceRecordSetsRequest): client.ChangeResourceRecordSetsResponse {
    const zone = this.zones.get(input.HostedZoneId);
    const after = applyBatch(zone, zone.records, input.ChangeBatch?.Changes ?? []);
    return { ChangeInfo: this.#shapeOf(this.zones.commit(zone, after, input.ChangeBatch?.Comment)) };
  }

  #getChange(input: client.GetChangeRequest): client.GetChangeResponse {
    const id = (input.Id ?? "").replace("/change/", "");
    const change = this.zones.changes.get(id);
    if (change === undefined) {
      throw new AwsError("NoSuchChange", `Could not find resource with ID: ${id}`, 404);
    }
    return { ChangeInfo: this.#shapeOf(change) };
  }

  #shapeOf(change: Change): client.ChangeInfo {
    return {
      Id: `/change/${change.id}`,
      Status: this.zones.clock.now() >= change.insync ? "INSYNC" : "PENDING",
      SubmittedAt: new Date(change.submitted),
      Comment: change.comment,
    };
  }

  #listRecords(input: client.ListResourceRecordSetsRequest): object {
    const zone = this.zones.get(input.HostedZoneId);
    if (input.StartRecordType !== undefined && input.StartRecordName === undefined) {
      throw invalidInput("The input is not valid: StartRecordType without StartRecordName");
    }
    const size = Math.min(Number(input.MaxItems ?? PAGE), PAGE);
    if (!Number.isInteger(size) || size < 1) throw invalidInput(`Invalid MaxItems ${input.MaxItems ?? ""}`);
    const all = [...zone.records.values()].sort(compareRecords).filter((r) => isFrom(r, input));
    const next = all[size];
    return {
      ResourceRecordSets: all.slice(0, size).map(shapeOf),
      IsTruncated: next !== undefined,
      MaxItems: size,
      ...(next === undefined
        ? {}
        : {
            ...{ NextRecordName: next.name, NextRecordType: next.type },
            NextRecordIdentifier: next.routing?.SetIdentifier,
          }),
    };
  }
}

/** At or after where a listing is to begin. */
function isFrom(record: RecordSet, start: client.ListResourceRecordSetsRequest): boolean {
  if (start.StartRecordName === undefined) return true;
  const order = compare(reversed(record.name), reversed(escapeName(start.StartRecordName)));
  const byType = order || compare(record.type, start.StartRecordType ?? "");
  const { StartRecordIdentifier: identifier = "" } = start;
  return (byType || compare(record.routing?.SetIdentifier ?? "", identifier)) >= 0;
}
