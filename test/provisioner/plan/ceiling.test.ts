import { expect, test } from "vitest";
import { ceilingOf, holds, unpriced } from "../../../provisioner/plan/ceiling.ts";

test("room for two of the dearest type, and less than for three", () => {
  const most = ceilingOf(["t3.nano", "t3.small"], "us-east-1", undefined);
  expect(most).toEqual({ least: 0.0416, wanted: 0.052 });
  expect(ceilingOf(["t3.nano"], "us-east-1", 0.03)?.least).toBe(0.06);
});

test("elsewhere prices are higher: t3.micro costs $0.0168 in São Paulo", () => {
  expect(ceilingOf(["t3.micro"], "sa-east-1", undefined)?.wanted).toBeGreaterThan(2 * 0.0168);
});

test("no ceiling where a price is not known, and none that stops what is wanted", () => {
  expect(ceilingOf(["t3.nano", "x9.huge"], "us-east-1", undefined)).toBeUndefined();
  expect(unpriced(["t3.nano", "x9.huge"])).toEqual(["x9.huge"]);
  const most = ceilingOf(["t3.small"], "us-east-1", undefined);
  expect([undefined, 0.03, 0.0416, 1].map((has) => holds(has, most))).toEqual([false, false, true, true]);
  expect([undefined, 0.03].map((has) => holds(has, undefined))).toEqual([true, false]);
});
