import type { Clock } from "../../agent/site/clock.ts";

/** Milliseconds between two lines. */
const EVERY = 2_000;

/** Lines about how far something is, not more than one in two seconds: `312 of 500 files, 61 of 98 MB`. */
export function counted(
  say: (text: string) => void,
  clock: Clock,
  total: { files: number; bytes: number },
): (done: { files: number; bytes: number }) => void {
  let last = clock.now();
  return ({ files, bytes }) => {
    const now = clock.now();
    if (now - last < EVERY) return;
    last = now;
    say(`  ${files} of ${total.files} files, ${megabytes(bytes)} of ${megabytes(total.bytes)}`);
  };
}

export const megabytes = (bytes: number): string =>
  bytes < 1e6 ? `${Math.ceil(bytes / 1e3)} kB` : `${(bytes / 1e6).toFixed(1)} MB`;

/** "1 row", "2 rows". */
export const plural = (count: number, what: string): string =>
  `${count.toLocaleString("en-US")} ${what}${count === 1 ? "" : "s"}`;
