export interface LogLine {
  /** Milliseconds since the epoch. */
  at: number;
  /** Never empty. */
  text: string;
}

/** How much one call takes; API Reference, PutLogEvents. */
export const SINK_LIMITS = {
  lines: 10_000,
  /** All lines together, each with its overhead. */
  bytes: 1_048_576,
  overhead: 26,
  /** Milliseconds from the first line to the last. */
  span: 24 * 3600_000,
} as const;

/** Where lines of the site's log are kept for good. Nothing is tried twice here. */
export interface LogSink {
  /**
   * Keeps lines, all or none, whose times do not go down; makes the stream if need be. The same lines sent twice are
   * kept twice. @returns how many were refused as too old.
   * @throws Unsure when they may have been kept all the same; EverspotError ("retry" or "fatal") when they were not.
   */
  put(stream: string, lines: readonly LogLine[]): Promise<number>;
  /** How many lines are shown from one time to the other, both included; late by some seconds. 0 without the stream. */
  count(stream: string, from: number, until: number): Promise<number>;
}

/** A call whose outcome is unknown. */
export class Unsure extends Error {}
