import { expect, test } from "vitest";
import { slope, spread } from "../../../scripts/bench/stats.ts";

test("a spread has the middle, the least and the most", () => {
  expect(spread([3, 1, 2])).toEqual({ median: 2, min: 1, max: 3, runs: 3 });
  expect(spread([4, 1, 2, 30])).toEqual({ median: 3, min: 1, max: 30, runs: 4 });
  expect(spread([1.005, 1.239])).toMatchObject({ median: 1.12, max: 1.24 });
  expect(() => spread([])).toThrow(RangeError);
});

test("a slope is that of the nearest line", () => {
  const line = [0, 1, 2, 3].map((x) => ({ x, y: 60 + 2 * x }));
  expect(slope(line)).toBeCloseTo(2);
  // Noise that is alike on both sides changes nothing.
  expect(slope(line.flatMap((p) => [-5, 5].map((d) => ({ x: p.x, y: p.y + d }))))).toBeCloseTo(2);
  expect(slope([{ x: 1, y: 5 }])).toBe(0);
});
