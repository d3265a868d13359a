import { chain, decodeEntry, type Entry } from "./entry.ts";
import { Damaged } from "./errors.ts";

/** How far a log was read. */
export interface Place {
  /** The number read last; 0: none. */
  seq: number;
  /** The chain of all that counts up to there, as hex. */
  hash: string;
  /** The highest epoch fenced up to there; 0: none. */
  epoch: number;
  /** The time of the entry that counted last, ISO 8601; "": none. */
  at: string;
}

export const BEGINNING: Place = { seq: 0, hash: "0".repeat(64), epoch: 0, at: "" };

export interface Step {
  place: Place;
  entry: Entry;
  /** Whether the entry is of the owner of its time. One of an earlier owner is stepped over, and a fence again set. */
  counts: boolean;
}

/**
 * THE rule of the log (STATE §5): an entry counts only while its epoch is the highest fenced so far. Reads the next
 * number.
 * @throws Damaged for an entry that counts and does not follow what was read, or whose epoch has no fence.
 */
export function step(place: Place, bytes: Uint8Array, resource: string): Step {
  const entry = decodeEntry(bytes, resource);
  const { header } = entry;
  const seq = place.seq + 1;
  const over = { place: { ...place, seq }, entry, counts: false };
  const at = later(header.at, place.at);
  if (header.kind === "fence") {
    if (header.epoch <= place.epoch) return over;
    return {
      place: { seq, hash: chain(place.hash, bytes), epoch: header.epoch, at },
      entry,
      counts: true,
    };
  }
  if (header.epoch < place.epoch) return over;
  if (header.epoch > place.epoch)
    throw new Damaged(resource, `is of epoch ${header.epoch}, which has no fence`);
  if (header.prev !== place.hash) throw new Damaged(resource, "does not follow the entries before it");
  return { place: { seq, hash: chain(place.hash, bytes), epoch: place.epoch, at }, entry, counts: true };
}

/** The later of two times, ISO 8601. */
export const later = (a: string, b: string): string => [a, b].sort()[1] ?? a;
