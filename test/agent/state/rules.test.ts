import { describe, expect, test } from "vitest";
import { baseIsDue } from "../../../agent/state/bases.ts";
import { rubbish, type Stock } from "../../../agent/state/clean.ts";
import { dueIn, fullPace, longestPace, type Pace, spent } from "../../../agent/state/pace.ts";
import { COMPARED, counted } from "../../../agent/state/position.ts";

describe("pace", () => {
  /** PUTs in so many seconds when there is always something to be written. @param each milliseconds of one PUT. */
  const puts = (budget: number, seconds: number, each: number): number[] => {
    let pace: Pace = fullPace(budget, 0);
    const at: number[] = [];
    for (let now = 0; now < seconds * 1000; ) {
      const wait = dueIn(pace, budget, now);
      now += wait;
      at.push(now);
      now += each;
      pace = spent(pace, budget, now);
    }
    return at;
  };
  test("a quiet site's commits go at once", () => {
    let pace = fullPace(3, 0);
    for (let now = 0; now < 60_000; now += 500) {
      expect(dueIn(pace, 3, now)).toBe(0);
      pace = spent(pace, 3, now);
    }
  });
  test("steady load settles at little more than one PUT a second", () => {
    const at = puts(30, 600, 30);
    const late = at.filter((ms) => ms > 60_000);
    expect(late.length).toBeGreaterThan(600);
    expect(late.length).toBeLessThan(690);
  });
  test("the budget is kept over a day, and what may be lost then is said", () => {
    const day = puts(3, 86_400, 30).length;
    // $3 pays for 600,000 PUTs in 30 days; the bucket of a day's allowance was full.
    expect(day).toBeLessThanOrEqual(2 * 20_000 + 1);
    const spentUp: Pace = { short: 0, day: 0, at: 0 };
    expect(longestPace(spentUp, 3)).toBeCloseTo(86_400_000 / 20_000);
    expect(longestPace(fullPace(3, 0), 3)).toBeCloseTo(800);
  });
  test.each([3, 30])(
    "what cannot wait puts off what comes next by no more than is promised ($%d)",
    (budget) => {
      let pace: Pace = { short: 0, day: 0, at: 0 };
      for (let i = 0; i < 5; i++) pace = spent(pace, budget, 0);
      expect(dueIn(pace, budget, 0)).toBeLessThan(longestPace(pace, budget) + 1);
    },
  );
  test("a clock that was set back makes nothing due earlier, and nothing wait forever", () => {
    const pace = spent(fullPace(3, 1_000_000), 3, 1_000_000);
    expect(dueIn(pace, 3, 0)).toBe(0);
  });
});

describe("a position", () => {
  const frames = (from: number, to: number, salt = "a".repeat(16)) => ({
    ...{ file: "db", page: 512, salt, from, to },
  });
  const at = (frame: number) => ({ salt: "a".repeat(16), frame });
  test.each([
    ["the next frames", at(3), frames(3, 5), at(5)],
    ["some of which were there", at(3), frames(1, 5), at(5)],
    ["all of which were there", at(5), frames(1, 3), at(5)],
    ["behind a hole", at(3), frames(4, 5), undefined],
    [
      "from the beginning of another generation",
      at(3),
      frames(0, 2, "b".repeat(16)),
      { salt: "b".repeat(16), frame: 2 },
    ],
    ["from the middle of another generation", at(3), frames(1, 2, "b".repeat(16)), undefined],
    ["that were compared", at(3), frames(0, 9, COMPARED), undefined],
    ["without a position, from the beginning", undefined, frames(0, 2), at(2)],
  ])("with %s", (_, position, next, expected) => {
    expect(counted(position, next)).toEqual(expected);
  });
});

describe("what may be deleted", () => {
  const base = (seq: number, at: number, ...chunks: string[]) => ({ seq, at, chunks, counts: true });
  const stock: Stock = {
    bases: [base(10, 1_000, "a"), base(20, 2_000, "b"), base(30, 3_000, "b", "c")],
    entries: [1, 5, 10, 15, 20, 25, 30, 35].map((seq) => ({ seq, fence: seq === 1 || seq === 15 })),
    chunks: ["a", "b", "c", "d"].map((sha256) => ({ sha256, modified: 0 })),
  };
  const DAY = 24 * 3_600_000;
  test("is what the last two bases do not need, but never a fence", () => {
    expect(rubbish(stock, 2 * DAY, 0)).toEqual({ bases: [10], entries: [5, 10], chunks: ["a", "d"] });
  });
  test("is nothing that the history needs: the base before its beginning stays", () => {
    expect(rubbish(stock, 2 * DAY, 2 * DAY - 1_500)).toEqual({ bases: [], entries: [5], chunks: ["d"] });
  });
  test("is no entry while the history reaches back beyond the first base", () => {
    expect(rubbish(stock, 2 * DAY, 7 * DAY)).toMatchObject({ bases: [], entries: [] });
  });
  test("is nothing while there is one base, or chunks are younger than a day", () => {
    const young = { ...stock, chunks: [{ sha256: "d", modified: 1.5 * DAY }] };
    expect(rubbish(young, 2 * DAY, 0).chunks).toEqual([]);
    expect(rubbish({ ...stock, bases: stock.bases.slice(2) }, 2 * DAY, 0)).toEqual({
      bases: [],
      entries: [],
      chunks: [],
    });
  });
  test("leaves the base before one that was taken back", () => {
    const [first, second, third] = stock.bases;
    if (!first || !second || !third) throw new Error("three bases");
    const taken = { ...stock, bases: [first, second, { ...third, counts: false }] };
    expect(rubbish(taken, 2 * DAY, 0).bases).toEqual([]);
  });
});

test.each([
  ["nothing was written", { entries: 0, bytes: 0, first: undefined }, 1 << 30, false],
  ["a thousand entries were", { entries: 1_000, bytes: 9, first: 0 }, 1 << 30, true],
  ["a quarter was written anew", { entries: 3, bytes: 30 << 20, first: 0 }, 100 << 20, true],
  ["a fifth was", { entries: 3, bytes: 20 << 20, first: 0 }, 100 << 20, false],
  ["a small database was written often", { entries: 3, bytes: 3 << 20, first: 0 }, 4096, false],
  ["there was change for an hour", { entries: 1, bytes: 1, first: -3_600_000 }, 4096, true],
])("a base is due when %s: %s", (_, since, size, due) => {
  expect(baseIsDue(since, size, 0)).toBe(due);
});
