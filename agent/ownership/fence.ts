import type { Change, RecordSet } from "../ports/zone.ts";
import { type Fence, formatFence } from "../site/fence.ts";
import { fenceRecord } from "../site/names.ts";

/** Seconds; only everspot reads this record, through the API. */
const FENCE_TTL = 60;

/** The site's records as they were read, or are to be. */
export interface SiteRecords {
  fence: RecordSet | undefined;
  /** A record of each name; undefined where there is none. */
  addresses: Map<string, RecordSet | undefined>;
}

/**
 * THE ownership rule, on the side of the resource (DESIGN §8): one batch that deletes exactly what was read and
 * creates what is to be. Route 53 applies it whole or not at all, so it fails if anyone else moved the fence since.
 */
export function takeOverBatch(
  read: SiteRecords,
  domain: string,
  fence: Fence,
  address: string,
  ttl: number,
): Change[] {
  const old = [read.fence, ...read.addresses.values()].filter((r) => r !== undefined);
  const fresh: RecordSet[] = [
    { name: fenceRecord(domain), type: "TXT", ttl: FENCE_TTL, values: [formatFence(fence)] },
    ...[...read.addresses.keys()].map((name) => ({ name, type: "A" as const, ttl, values: [address] })),
  ];
  return [
    ...old.map((record) => ({ action: "DELETE" as const, record })),
    ...fresh.map((record) => ({ action: "CREATE" as const, record })),
  ];
}
