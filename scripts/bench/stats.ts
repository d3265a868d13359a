/** Figures of several runs. Pure. */

/** Of values in one unit; `runs` is how many there were. */
export interface Spread {
  median: number;
  min: number;
  max: number;
  runs: number;
}

/** @throws RangeError without values. */
export function spread(values: readonly number[]): Spread {
  const sorted = [...values].sort((a, b) => a - b);
  const [min, max] = [sorted[0], sorted.at(-1)];
  if (min === undefined || max === undefined) throw new RangeError("no values");
  const middle = (sorted.length - 1) / 2;
  const around = [sorted[Math.floor(middle)] ?? min, sorted[Math.ceil(middle)] ?? max];
  const median = ((around[0] ?? 0) + (around[1] ?? 0)) / 2;
  return { median: round(median), min: round(min), max: round(max), runs: sorted.length };
}

/** Slope of the line with the least squares through the points; 0 when all are at one place. */
export function slope(points: readonly { x: number; y: number }[]): number {
  const mean = (of: "x" | "y") => points.reduce((sum, p) => sum + p[of], 0) / points.length;
  const [x, y] = [mean("x"), mean("y")];
  const wide = points.reduce((sum, p) => sum + (p.x - x) ** 2, 0);
  return wide === 0 ? 0 : points.reduce((sum, p) => sum + (p.x - x) * (p.y - y), 0) / wide;
}

/** To hundredths. */
export const round = (value: number): number => Math.round(value * 100) / 100;
