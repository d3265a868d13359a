import type { StateBucket } from "./bucket.ts";
import type { Entry } from "./entry.ts";
import { logKey } from "./keys.ts";
import { type Place, step } from "./place.ts";

/**
 * Entries read side by side, and their bytes at most. Where no base could be made for an hour there are some thousands of
 * them. `FIRST`: before any was seen.
 */
const AT_ONCE = 40;
const MOST_BYTES = 8 << 20;
const FIRST = 8;

export interface Seen {
  seq: number;
  entry: Entry;
  counts: boolean;
  /** After it. */
  place: Place;
  /** For messages. */
  resource: string;
}

type Next = undefined | "stop";

export interface ReadOptions {
  /** The last number to be read. Undefined: up to the first number that has no entry. */
  last?: number | undefined;
  /** Called with each entry, in order. "stop": reads no further. */
  onEntry?: ((seen: Seen) => Next | Promise<Next>) | undefined;
  /**
   * Asked about a number up to `last` that has no entry: brings about what is to be read there. Undefined, or when it
   * gives nothing: reading ends before it.
   */
  onGap?: ((seq: number) => Promise<Uint8Array | undefined>) | undefined;
  /** Whether there are some entries as a rule, where nobody says how far it goes. */
  some?: boolean;
}

/**
 * Reads the log on from a place, in order and without a LIST.
 * @returns how far it came. @throws Damaged; whatever the bucket and the callbacks throw.
 */
export async function readLog(bucket: StateBucket, from: Place, options: ReadOptions = {}): Promise<Place> {
  const { last = Number.POSITIVE_INFINITY, onEntry, onGap } = options;
  let place = from;
  const ahead: Promise<Uint8Array | undefined>[] = [];
  let asked = from.seq;
  /** It grows while there is more: a look at the end is one GET, and how large entries are is known by then. */
  let width = last < Number.POSITIVE_INFINITY || options.some ? FIRST : 1;
  /** Bytes of an entry, of late. */
  let large = 0;
  while (place.seq < last) {
    while (ahead.length < width && asked < last) {
      const read = bucket.get(logKey(++asked));
      // Whoever is not waited for in the end must not end the process.
      read.catch(() => undefined);
      ahead.push(read);
    }
    const seq = place.seq + 1;
    const bytes =
      (await ahead.shift()) ?? (last === Number.POSITIVE_INFINITY ? undefined : await onGap?.(seq));
    if (bytes === undefined) break;
    large = Math.max(bytes.length, large * 0.9);
    width = Math.max(1, Math.min(AT_ONCE, width * 2, Math.floor(MOST_BYTES / large)));
    const resource = `${bucket.url}/${logKey(seq)}`;
    const { place: after, entry, counts } = step(place, bytes, resource);
    place = after;
    if ((await onEntry?.({ seq, entry, counts, place, resource })) === "stop") break;
  }
  return place;
}
