/** Dollars for one PUT of S3 Standard (https://aws.amazon.com/s3/pricing/, us-east-1). */
export const PUT_PRICE = 0.005 / 1000;
const MONTH = 30 * 24 * 3600;
const DAY = 24 * 3600;

/**
 * PUTs that may go at once, and how many a second steady load settles at: a power cut takes what was committed since half
 * of their distance as a rule, and the time of one PUT; together that is less than half a second.
 */
const BURST = 120;
const STEADY = 1.25;

/** Tokens of two buckets: `short` keeps steady load at its pace, `day` keeps the budget. */
export interface Pace {
  short: number;
  day: number;
  /** Milliseconds of the clock that the tokens are as of. */
  at: number;
}

export const fullPace = (budget: number, now: number): Pace => ({
  short: BURST,
  day: allowance(budget),
  at: now,
});

/** PUTs a day that the budget pays for. */
const allowance = (budget: number): number => (budget / PUT_PRICE / MONTH) * DAY;

/** Tokens that have come since. @param budget dollars a month. @param now milliseconds of the same clock. */
function refilled(pace: Pace, budget: number, now: number): Pace {
  const seconds = Math.max(0, now - pace.at) / 1000;
  const perDay = allowance(budget);
  return {
    short: Math.min(BURST, pace.short + seconds * STEADY),
    day: Math.min(perDay, pace.day + (seconds * perDay) / DAY),
    at: now,
  };
}

/** Milliseconds until the next PUT is due. */
export function dueIn(pace: Pace, budget: number, now: number): number {
  const { short, day } = refilled(pace, budget, now);
  const until = (tokens: number, rate: number) => (tokens >= 1 ? 0 : ((1 - tokens) / rate) * 1000);
  return Math.max(until(short, STEADY), until(day, allowance(budget) / DAY));
}

/** After one PUT. One that could not wait puts the next one off by no more than is promised. */
export function spent(pace: Pace, budget: number, now: number): Pace {
  const { short, day, at } = refilled(pace, budget, now);
  return { short: Math.max(0, short - 1), day: Math.max(0, day - 1), at };
}

/** Milliseconds between two PUTs at most, with this much of the day's allowance left. */
export const longestPace = (pace: Pace, budget: number): number =>
  pace.day >= BURST ? 1000 / STEADY : Math.max(1000 / STEADY, (DAY / allowance(budget)) * 1000);
