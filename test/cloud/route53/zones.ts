import { randomInt } from "node:crypto";
import type { Clock } from "../../../agent/site/clock.ts";
import { uniqueId } from "../iam/ids.ts";
import { noSuchZone } from "./errors.ts";
import { keyOf, type RecordSet, type RecordSets } from "./record-sets.ts";

export interface Change {
  id: string;
  submitted: number;
  /** When it is INSYNC, milliseconds since the epoch. */
  insync: number;
  comment: string | undefined;
}

export interface Zone {
  /** Without "/hostedzone/". */
  id: string;
  /** Normalised, with the trailing dot. */
  name: string;
  callerReference: string;
  comment: string | undefined;
  privateZone: boolean;
  /** Without trailing dots. */
  nameServers: readonly string[];
  /** What the API answers: the newest. */
  records: RecordSets;
  /** What resolvers may see and from when, oldest first. */
  published: { at: number; records: RecordSets }[];
  tags: Map<string, string>;
  /** Name servers that the parent names instead of ours; undefined: it delegates to us. */
  elsewhere: readonly string[] | undefined;
}

export interface Delays {
  /** From the answer to INSYNC, milliseconds. */
  insyncMs: number;
  /** From the answer to the DNS servers; undefined: when it is INSYNC. */
  dnsMs: number | undefined;
}

/** The account's zones and changes, on a clock. */
export class Zones {
  readonly clock: Clock;
  readonly delays: Delays;
  /** By id. */
  readonly all = new Map<string, Zone>();
  readonly changes = new Map<string, Change>();

  constructor(clock: Clock, delays: Delays) {
    this.clock = clock;
    this.delays = delays;
  }

  get(id: string | undefined): Zone {
    const bare = (id ?? "").replace("/hostedzone/", "");
    const zone = this.all.get(bare);
    if (zone === undefined) throw noSuchZone(bare);
    return zone;
  }

  create(of: {
    name: string;
    callerReference: string;
    comment: string | undefined;
    privateZone: boolean;
  }): Zone {
    const nameServers = delegationSet();
    const twin = [...this.all.values()].find((z) => z.name === of.name);
    const records = defaultRecords(of.name, nameServers);
    const zone: Zone = {
      ...of,
      id: uniqueId("Z", 20),
      nameServers,
      records,
      published: [{ at: this.clock.now() + this.#dnsDelay(), records }],
      tags: new Map(),
      elsewhere: twin && (twin.elsewhere ?? twin.nameServers),
    };
    this.all.set(zone.id, zone);
    return zone;
  }

  /** Makes records the zone's, and remembers when the world will see them. */
  commit(zone: Zone, records: RecordSets, comment: string | undefined): Change {
    const now = this.clock.now();
    zone.records = records;
    const seen = zone.published.findLastIndex((p) => p.at <= now);
    zone.published = [...zone.published.slice(Math.max(seen, 0)), { at: now + this.#dnsDelay(), records }];
    return this.change(comment);
  }

  change(comment: string | undefined): Change {
    const submitted = this.clock.now();
    const change = { id: uniqueId("C", 20), submitted, insync: submitted + this.delays.insyncMs, comment };
    this.changes.set(change.id, change);
    return change;
  }

  /** What the zone's name servers answer now; undefined before they know the zone. */
  visible(zone: Zone): RecordSets | undefined {
    const now = this.clock.now();
    return zone.published.findLast((p) => p.at <= now)?.records;
  }

  #dnsDelay(): number {
    return this.delays.dnsMs ?? this.delays.insyncMs;
  }
}

/** Four servers, one below each of the four top-level domains, as Route 53 gives them. */
function delegationSet(): string[] {
  return ["com", "net", "org", "co.uk"].map((tld, i) => {
    const n = i * 512 + randomInt(512);
    return `ns-${n}.awsdns-${String(Math.floor(n / 8) % 64).padStart(2, "0")}.${tld}`;
  });
}

function defaultRecords(name: string, nameServers: readonly string[]): RecordSets {
  const soa = `${nameServers[0]}. awsdns-hostmaster.amazon.com. 1 7200 900 1209600 86400`;
  const records: RecordSet[] = [
    { name, type: "NS", ttl: 172_800, values: nameServers.map((n) => `${n}.`), alias: undefined },
    { name, type: "SOA", ttl: 900, values: [soa], alias: undefined },
  ];
  return new Map(records.map((r) => [keyOf(r.name, r.type), r]));
}
