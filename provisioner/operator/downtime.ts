import type { Sample } from "./prober.ts";

/** What a visitor noticed of it. Times in seconds. */
export interface Downtime {
  requests: number;
  failed: number;
  /** Sum of the spans in which no request was answered, each from its first failed request to the next answered one. */
  seconds: number;
  longest: number;
  /** How often each failure was seen. */
  failures: Record<string, number>;
}

/** @param samples by when they were sent. */
export function downtimeOf(samples: readonly Sample[]): Downtime {
  const failures: Record<string, number> = {};
  let seconds = 0;
  let longest = 0;
  let since: number | undefined;
  const close = (until: number) => {
    if (since === undefined) return;
    const span = (until - since) / 1000;
    seconds += span;
    longest = Math.max(longest, span);
    since = undefined;
  };
  for (const { at, failure } of samples) {
    if (failure === undefined) close(at);
    else {
      failures[failure] = (failures[failure] ?? 0) + 1;
      since ??= at;
    }
  }
  const last = samples.at(-1);
  if (last !== undefined) close(last.at + last.milliseconds);
  return {
    requests: samples.length,
    failed: samples.filter((s) => s.failure !== undefined).length,
    seconds: round(seconds),
    longest: round(longest),
    failures,
  };
}

const round = (value: number): number => Math.round(value * 100) / 100;
