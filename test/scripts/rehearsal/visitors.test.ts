import { expect, test } from "vitest";
import type { Sample } from "../../../scripts/rehearsal/sample.ts";
import { summarise } from "../../../scripts/rehearsal/visitors.ts";

const get = (at: number, status?: number): Sample => ({
  at,
  milliseconds: 1,
  method: "GET",
  ...(status === undefined ? { error: "ECONNREFUSED" } : { status }),
});

test("failed requests are counted by what went wrong", () => {
  const found = summarise([get(0, 200), get(50), get(100, 502), get(150, 502), get(200, 302)]);
  expect(found).toMatchObject({ total: 5, failed: 3, failures: { ECONNREFUSED: 1, "HTTP 502": 2 } });
});

test("the longest gap is the time between two answered requests, whatever their order of arrival", () => {
  expect(summarise([get(3000, 200), get(0, 200), get(100), get(500, 200)]).longestGapSeconds).toBe(2.5);
  expect(summarise([]).longestGapSeconds).toBe(0);
});
