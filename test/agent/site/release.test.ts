import { expect, test } from "vitest";
import { counterOf, releaseId } from "../../../agent/site/release.ts";

const id = (n: number) => releaseId(n, "ab".repeat(32));

test("ids sort by number and tell contents apart", () => {
  expect(id(12)).toBe("r000012-abababab");
  expect([id(1_000_000), id(10), id(9)].map(counterOf)).toEqual([1_000_000, 10, 9]);
  expect([id(10), id(9)].sort()).toEqual([id(9), id(10)]);
  expect(counterOf("something-else")).toBe(0);
});
