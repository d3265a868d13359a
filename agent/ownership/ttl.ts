import type { Clock } from "../site/clock.ts";

/** Seconds that resolvers may keep the A record while a hand-over is near. */
export const HAND_OVER_TTL = 5;
const RETRY_SECONDS = 5;

/**
 * Keeps the TTL of the site's records at what is wanted just now. Ends when the signal is aborted, or when
 * `publish` says that this instance does not own the records any more.
 * @param now the TTL that the records have.
 * @param publish false: another instance owns the records.
 */
export async function keepTtl(
  now: number,
  wanted: () => number,
  publish: (ttl: number) => Promise<boolean>,
  options: { clock: Clock; signal: AbortSignal; onTrouble(error: unknown): void },
): Promise<void> {
  const { clock, signal } = options;
  let current = now;
  while (!signal.aborted) {
    const next = wanted();
    if (next === current) {
      await clock.sleep(1_000, signal).catch(() => undefined);
      continue;
    }
    try {
      if (!(await publish(next))) return;
      current = next;
    } catch (error) {
      options.onTrouble(error);
      await clock.sleep(RETRY_SECONDS * 1000, signal).catch(() => undefined);
    }
  }
}
