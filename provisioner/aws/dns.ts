import {
  ChangeResourceRecordSetsCommand,
  GetHostedZoneCommand,
  ListResourceRecordSetsCommand,
  paginateListHostedZones,
  type ResourceRecordSet,
  type Route53Client,
  type RRType,
} from "@aws-sdk/client-route-53";
import { hasCode, named } from "./errors.ts";
import { gather } from "./network-look.ts";

export interface HostedZone {
  /** Without "/hostedzone/". */
  id: string;
  /** Without the trailing dot. */
  name: string;
}

/** A record set as it is; TXT values are quoted as in the zone. */
export interface DnsRecord {
  name: string;
  type: string;
  ttl: number | undefined;
  values: string[];
  /** The record set as Route 53 gave it (alias target, routing and all): handed back when it is deleted. */
  wire: ResourceRecordSet;
}

export interface Dns {
  /** The public zones of the account. */
  zones(): Promise<HostedZone[]>;
  /** The public zones that contain the domain, the longest name first. Several can have the same name. */
  zonesOf(domain: string): Promise<HostedZone[]>;
  /** Name servers of the zone, lower case, without the trailing dot. */
  nameServers(zone: string): Promise<string[]>;
  /** Records of all types at exactly these names. */
  recordsAt(zone: string, names: readonly string[]): Promise<DnsRecord[]>;
  /** Makes these records, or changes them to this. All or none. */
  put(zone: string, records: readonly Omit<DnsRecord, "wire">[]): Promise<void>;
  /** All or none; false when one of them is no longer as it was read. */
  delete(zone: string, records: readonly DnsRecord[]): Promise<boolean>;
}

export function createDns(client: Route53Client): Dns {
  const zones = () =>
    named("looking for the hosted zone", async () => {
      const found = await gather(paginateListHostedZones({ client }, {}), (page) => page.HostedZones);
      return found
        .filter((z) => z.Config?.PrivateZone !== true)
        .map((z) => ({ id: (z.Id ?? "").replace("/hostedzone/", ""), name: plain(z.Name ?? "") }));
    });
  return {
    zones,
    zonesOf: async (domain) =>
      (await zones())
        .filter((z) => domain === z.name || domain.endsWith(`.${z.name}`))
        .sort((a, b) => b.name.length - a.name.length),
    nameServers: (zone) =>
      named(`looking at the hosted zone ${zone}`, async () => {
        const found = await client.send(new GetHostedZoneCommand({ Id: zone }));
        return (found.DelegationSet?.NameServers ?? []).map(plain);
      }),
    recordsAt: (zone, names) =>
      named("reading the records", async () => {
        const whole = await smallZone(client, zone);
        if (whole !== undefined) return whole.filter((record) => names.includes(record.name));
        const all = await Promise.all(names.map((name) => recordsAt(client, zone, name)));
        return all.flat();
      }),
    put: (zone, records) =>
      named("writing records", async () => {
        if (records.length === 0) return;
        const Changes = records.map(({ name, type, ttl, values }) => ({
          Action: "UPSERT" as const,
          ResourceRecordSet: {
            Name: name,
            Type: type as RRType,
            TTL: ttl,
            ResourceRecords: values.map((Value) => ({ Value })),
          },
        }));
        await client.send(
          new ChangeResourceRecordSetsCommand({ HostedZoneId: zone, ChangeBatch: { Changes } }),
        );
      }),
    delete: (zone, records) =>
      named("deleting the records", async () => {
        try {
          await client.send(
            new ChangeResourceRecordSetsCommand({
              HostedZoneId: zone,
              ChangeBatch: {
                Changes: records.map((r) => ({ Action: "DELETE", ResourceRecordSet: r.wire })),
              },
            }),
          );
          return true;
        } catch (error) {
          if (!hasCode(error, "InvalidChangeBatch")) throw error;
          return false;
        }
      }),
  };
}

/**
 * All records of a zone, or undefined where one answer (300 of them) does not hold them: an account may ask Route 53 five
 * times a second (Developer Guide, "Quotas"), and a site has more names than that.
 */
async function smallZone(client: Route53Client, zone: string): Promise<DnsRecord[] | undefined> {
  const page = await client.send(new ListResourceRecordSetsCommand({ HostedZoneId: zone }));
  return page.IsTruncated ? undefined : (page.ResourceRecordSets ?? []).map(record);
}

async function recordsAt(client: Route53Client, zone: string, name: string): Promise<DnsRecord[]> {
  const found: DnsRecord[] = [];
  let start: {
    StartRecordName: string;
    StartRecordType?: never;
    StartRecordIdentifier?: string | undefined;
  } = {
    StartRecordName: name,
  };
  for (;;) {
    const page = await client.send(new ListResourceRecordSetsCommand({ HostedZoneId: zone, ...start }));
    const sets = page.ResourceRecordSets ?? [];
    const here = sets.filter((s) => plain(s.Name ?? "") === name);
    found.push(...here.map(record));
    if (here.length < sets.length || !page.IsTruncated || page.NextRecordName === undefined) return found;
    start = {
      StartRecordName: page.NextRecordName,
      StartRecordType: page.NextRecordType as never,
      StartRecordIdentifier: page.NextRecordIdentifier,
    };
  }
}

const record = (set: ResourceRecordSet): DnsRecord => ({
  name: plain(set.Name ?? ""),
  type: set.Type ?? "",
  ttl: set.TTL,
  values: (set.ResourceRecords ?? []).map((r) => r.Value ?? ""),
  wire: set,
});

const plain = (name: string): string => name.toLowerCase().replace(/\.$/, "");
