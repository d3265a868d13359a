/** What lies in the bucket, as far as cleaning up needs it. Times in milliseconds since the epoch. */
export interface Stock {
  /** Published bases in the log's order. */
  bases: readonly { seq: number; at: number; chunks: readonly string[]; counts: boolean }[];
  /** Numbers of the log that have an entry, and whether it is a fence. */
  entries: readonly { seq: number; fence: boolean }[];
  chunks: readonly { sha256: string; modified: number }[];
}

export interface Rubbish {
  bases: number[];
  entries: number[];
  chunks: string[];
}

/** Bases that are kept whatever their age: a bad newest one has another behind it. */
const BASES = 2;
/** Milliseconds that a chunk is kept which no base names: one that is being written may name it soon. */
const CHUNK_REST = 24 * 3_600_000;

/**
 * What may be deleted (STATE §3): of the log what no kept base needs, never a fence, for a number that is free again
 * could be won by an owner that slept through all of it; chunks that no base names.
 * @param history milliseconds of the past that must remain to be read.
 */
export function rubbish(stock: Stock, now: number, history: number): Rubbish {
  const good = stock.bases.filter((base) => base.counts);
  const newest = good.slice(-BASES);
  // What was there when the history begins is read from the last base before; without one, from the first entry on.
  const since = good.filter((base) => base.at <= now - history).at(-1);
  const oldest = Math.min(...[...newest, since].map((base) => base?.seq ?? 0));
  if (newest.length < BASES) return { bases: [], entries: [], chunks: [] };
  const kept = stock.bases.filter((base) => base.seq >= oldest);
  const named = new Set(kept.flatMap((base) => base.chunks));
  return {
    bases: stock.bases.filter((base) => base.seq < oldest).map((base) => base.seq),
    // The entry of the oldest base itself shows that the base is its own.
    entries: stock.entries.filter((entry) => entry.seq < oldest && !entry.fence).map((entry) => entry.seq),
    chunks: stock.chunks
      .filter((chunk) => !named.has(chunk.sha256) && chunk.modified < now - CHUNK_REST)
      .map((chunk) => chunk.sha256),
  };
}
