import { expect, test } from "vitest";
import {
  beginStart,
  budgetOf,
  endStart,
  giveUp,
  type Replacements,
  unendedStarts,
} from "../../../agent/site/replacements.ts";

const NOON = Date.UTC(2026, 10, 21, 12);
const minutes = (n: number): Date => new Date(NOON + n * 60_000);
const given = (...at: number[]): Replacements => ({
  version: 1,
  nonce: "",
  given: at.map((m, i) => ({ instance: `i-${i}`, at: minutes(m).toISOString(), reason: "hung" })),
  starts: [],
});

test.each([
  ["nobody yet", given(), 0, { spent: false, left: 3 }],
  ["two in the hour", given(0, 10), 20, { spent: false, left: 1 }],
  ["three in the hour", given(0, 10, 20), 30, { spent: true, until: minutes(60) }],
  ["an hour after the first", given(0, 10, 20), 60, { spent: false, left: 1 }],
  ["six in the day", given(0, 70, 140, 210, 280, 350), 500, { spent: true, until: minutes(24 * 60) }],
  ["both spent", given(0, 70, 140, 350, 355, 359), 360, { spent: true, until: minutes(24 * 60) }],
])("budget: %s", (_, document, now, budget) => {
  expect(budgetOf(document, minutes(now))).toEqual(budget);
});

test("an instance gives itself up once, and never beyond the budget", () => {
  const first = giveUp(undefined, "i-a", "hung", minutes(0));
  expect(first?.given).toEqual([{ instance: "i-a", at: minutes(0).toISOString(), reason: "hung" }]);
  expect(giveUp({ ...given(), ...first }, "i-a", "hung", minutes(1))).toBeUndefined();
  expect(giveUp(given(0, 10, 20), "i-z", "hung", minutes(30))).toBeUndefined();
  expect(giveUp(given(0, 10, 20), "i-z", "hung", minutes(61))?.given).toHaveLength(4);
});

test("a start counts until it has ended, and only for an hour", () => {
  const begun = beginStart(undefined, { instance: "i-a", release: "r1" }, minutes(0));
  const document = { ...begun, nonce: "" };
  expect(unendedStarts(document, "r1", minutes(59))).toBe(1);
  expect(unendedStarts(document, "r2", minutes(59))).toBe(0);
  expect(unendedStarts(document, "r1", minutes(60))).toBe(0);
  expect(budgetOf(document, minutes(1))).toEqual({ spent: false, left: 2 });
  expect(beginStart(document, { instance: "i-a", release: "r1" }, minutes(0)).starts).toHaveLength(1);
  expect(endStart(document, "i-b", minutes(0).toISOString())).toBeUndefined();
  expect(endStart(document, "i-a", minutes(0).toISOString())?.starts).toEqual([]);
});
