import { expect, test } from "vitest";
import { partsOf } from "../../../scripts/bench/marks.ts";

test("each part of the set-up begins where the one before ended", () => {
  const { started, steps } = partsOf("started 100.5\naddress 101\nrecord 103.25\n");
  expect(started).toBe(100_500);
  expect(steps).toEqual([
    { name: "address", start: 0, seconds: 0.5, state: "done" },
    { name: "record", start: 0.5, seconds: 2.25, state: "done" },
  ]);
});

test("a set-up that left no marks is an error", () => {
  expect(() => partsOf("")).toThrow("no marks");
  expect(() => partsOf("started soon\n")).toThrow("no marks");
});
