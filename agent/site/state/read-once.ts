import type { StateBucket } from "./bucket.ts";
import { LOG_PREFIX } from "./keys.ts";

/** Bytes of entries that are kept at most; what does not fit is read again. */
const MOST_BYTES = 16 << 20;

/**
 * The same bucket, of which an entry of the log is read once: it never changes, and a restore that meets what was taken
 * back, or a comparison of two moments, reads it several times. What is not there yet is looked for again. For one command
 * at a time: a site that is deleted and begun anew has another log.
 */
export function readOnce(bucket: StateBucket): StateBucket {
  const had = new Map<string, Uint8Array>();
  let bytes = 0;
  return {
    ...bucket,
    get: async (key) => {
      const known = had.get(key);
      if (known !== undefined) return known;
      const found = await bucket.get(key);
      if (found !== undefined && key.startsWith(LOG_PREFIX) && bytes + found.length <= MOST_BYTES) {
        had.set(key, found);
        bytes += found.length;
      }
      return found;
    },
  };
}
