/** Seconds before the second, third … try; the last one stays. */
const PAUSES = [2, 5, 10, 20, 30] as const;

/** @param attempt that failed, from 1. @returns seconds. */
export const pauseAfter = (attempt: number): number => PAUSES[Math.min(attempt, PAUSES.length) - 1] ?? 30;
