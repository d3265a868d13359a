import type { Clock } from "../../site/clock.ts";
import { EverspotError } from "../../site/errors.ts";
import type { Found, StateBucket } from "../../site/state/bucket.ts";

/** Milliseconds between two tries of one PUT: the first comes at once, for a lost reply is the likeliest. */
const PAUSES = [0, 100, 300, 1_000];

export interface Patience {
  clock: Clock;
  signal?: AbortSignal | undefined;
  /** Called for each try that failed, with the one that comes next. */
  onTrouble?: ((error: EverspotError, tries: number) => void) | undefined;
}

export type Settled = { own: true; date: string | undefined } | { own: false; found: Found };

/**
 * Creates an object and comes back only when it is settled what stands at its key: a try whose answer was lost is
 * made again with the same bytes, until S3 says which. Bytes of our own that stand there were written by a try before.
 * @throws what cannot succeed by trying again; the signal's reason.
 */
export async function settle(
  bucket: StateBucket,
  key: string,
  body: Uint8Array,
  { clock, signal, onTrouble }: Patience,
): Promise<Settled> {
  for (let tries = 1; ; tries++) {
    signal?.throwIfAborted();
    try {
      const done = await bucket.create(key, body);
      if (done.won) return { own: true, date: done.date };
      const { found } = done;
      if (found !== undefined && Buffer.compare(found, body) === 0) return { own: true, date: undefined };
      return { own: false, found };
    } catch (error) {
      if (!(error instanceof EverspotError && error.retry === "retry")) throw error;
      onTrouble?.(error, tries);
    }
    await clock.sleep(PAUSES[Math.min(tries, PAUSES.length) - 1] ?? 0, signal);
  }
}
