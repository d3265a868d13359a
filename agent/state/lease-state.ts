import type { Attached } from "./attached.ts";
import type { LeaseState } from "./lease.ts";

/** Nanoseconds: how long ago an upload may have been finished that is not in the bucket, in "fast". */
const UPLOADS_BOUND = 30_000_000_000n;
const FOREVER = 1n << 62n;

/** All that was committed before, in whichever database, is in the bucket; nanoseconds of CLOCK_BOOTTIME. */
export const coveredOf = (attached: readonly Attached[]): bigint =>
  attached.map((one) => one.covered).sort((a, b) => Number(a - b))[0] ?? 0n;

/**
 * What the app learns of shipping.
 * @param bound milliseconds: what is committed now is in the bucket after so long, if all goes well.
 * @param uploads all that were changed before are in the bucket; undefined: none are kept.
 */
export function leaseStateOf(
  attached: readonly Attached[],
  { bound, uploads = FOREVER, over }: { bound: number; uploads?: bigint | undefined; over: boolean },
): LeaseState {
  const covered = coveredOf(attached);
  const nanoseconds = BigInt(Math.ceil(bound)) * 1_000_000n;
  const until = covered === 0n ? 0n : covered + nanoseconds;
  const uploadsUntil = uploads + UPLOADS_BOUND;
  return {
    until: uploadsUntil < until ? uploadsUntil : until,
    bound: nanoseconds,
    over,
    uploads,
    databases: attached.map(({ follower, database }) => ({
      salt: follower.position?.salt ?? "0".repeat(16),
      frames: follower.position?.frame ?? 0,
      pending: follower.pending,
      index: database.index,
    })),
  };
}
