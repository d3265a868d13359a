import { ChangeRejected, type Zone } from "../ports/zone.ts";
import { EverspotError } from "../site/errors.ts";
import { type Fence, parseFence } from "../site/fence.ts";
import { fenceRecord } from "../site/names.ts";
import { type SiteRecords, takeOverBatch } from "./fence.ts";

/** How often a batch is rebuilt when something other than the fence changed under it. */
const ATTEMPTS = 5;

export interface Publication {
  domain: string;
  aliases: readonly string[];
  fence: Fence;
  address: string;
  /** Seconds. */
  ttl: number;
}

export type Published =
  /** The records are as wanted; `change` is undefined when they already were. */
  | { published: true; change: string | undefined }
  /** Another instance has the site, with a higher epoch or with the same one. */
  | { published: false; owner: Fence };

/**
 * Points the site's records at an address, as the owner of an epoch. Safe to repeat, also after a lost reply.
 * @throws EverspotError (retry) when the zone kept changing; whatever the zone throws.
 */
export async function publishRecords(zone: Zone, wanted: Publication): Promise<Published> {
  let reason = "";
  for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
    const read = await readRecords(zone, wanted);
    const held = parseFence(read.fence?.values[0] ?? "");
    if (held !== undefined && outranks(held, wanted.fence)) return { published: false, owner: held };
    if (asWanted(read, held, wanted)) return { published: true, change: undefined };
    try {
      const batch = takeOverBatch(read, wanted.domain, wanted.fence, wanted.address, wanted.ttl);
      return { published: true, change: await zone.change(batch) };
    } catch (error) {
      if (!(error instanceof ChangeRejected)) throw error;
      reason = error.message;
    }
  }
  throw new EverspotError(
    `the records of ${wanted.domain} kept changing while we tried to write them: ${reason}`,
    {
      retry: "retry",
    },
  );
}

/** Undefined where there is no fence record, or none that we wrote. */
export async function readFence(zone: Zone, domain: string): Promise<Fence | undefined> {
  const record = await zone.find(fenceRecord(domain), "TXT");
  return parseFence(record?.values[0] ?? "");
}

async function readRecords(zone: Zone, wanted: Publication): Promise<SiteRecords> {
  const names = [wanted.domain, ...wanted.aliases];
  const [fence, ...found] = await Promise.all([
    zone.find(fenceRecord(wanted.domain), "TXT"),
    ...names.map((name) => zone.find(name, "A")),
  ]);
  return { fence, addresses: new Map(names.map((name, i) => [name, found[i]])) };
}

const outranks = (held: Fence, mine: Fence): boolean =>
  held.epoch > mine.epoch || (held.epoch === mine.epoch && held.owner !== mine.owner);

const asWanted = (read: SiteRecords, held: Fence | undefined, wanted: Publication): boolean =>
  held?.epoch === wanted.fence.epoch &&
  [...read.addresses.values()].every(
    (r) => r?.ttl === wanted.ttl && r.values.length === 1 && r.values[0] === wanted.address,
  );
