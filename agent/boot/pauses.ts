/** Seconds before the second, third … try; the last value repeats. */
const PAUSES = [2, 5, 10, 20, 30] as const;

/** @param attempt number of the failed try, from 1. @returns seconds. */
export const pauseAfter = (attempt: number): number => PAUSES[Math.min(attempt, PAUSES.length) - 1] ?? 30;
