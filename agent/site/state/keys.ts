/**
 * Where a site's state lies in its bucket: `state/log/<number>`, `state/base/<number>.json`, `state/chunks/<sha256>`,
 * `state/media/<sha256>` (docs/state-format.md). Numbers have twelve digits, so that S3 lists them in their order.
 */

export const LOG_PREFIX = "state/log/";
export const BASE_PREFIX = "state/base/";
export const CHUNK_PREFIX = "state/chunks/";
export const MEDIA_PREFIX = "state/media/";

const DIGITS = 12;

/** @param seq counts from 1. @throws RangeError */
export const logKey = (seq: number): string => LOG_PREFIX + digits(seq, 1);
/** @param seq of the last entry that the base holds; 0: a base of nothing. @throws RangeError */
export const baseKey = (seq: number): string => `${BASE_PREFIX}${digits(seq, 0)}.json`;
/** @throws RangeError */
export const chunkKey = (sha256: string): string => CHUNK_PREFIX + hash(sha256);
/** @throws RangeError */
export const mediaKey = (sha256: string): string => MEDIA_PREFIX + hash(sha256);

/** Undefined for a key that is neither an entry's nor a base's. */
export function seqOf(key: string): number | undefined {
  const found = /^state\/(?:log\/(\d{12})|base\/(\d{12})\.json)$/.exec(key);
  return found === null ? undefined : Number(found[1] ?? found[2]);
}

function digits(seq: number, least: number): string {
  if (!Number.isSafeInteger(seq) || seq < least || seq >= 10 ** DIGITS) {
    throw new RangeError(`not a number of the log: ${seq}`);
  }
  return String(seq).padStart(DIGITS, "0");
}

function hash(sha256: string): string {
  if (!/^[0-9a-f]{64}$/.test(sha256)) throw new RangeError(`not a SHA-256: ${JSON.stringify(sha256)}`);
  return sha256;
}
