import { expect, test } from "vitest";
import { TAKING, YIELDING } from "../../../agent/ownership/state-swap.ts";
import { deaths } from "../../../scripts/state/deaths.ts";
import { faults } from "../../../scripts/state/faults.ts";

test("a machine is gone at each step that a hand-over has, of both that take part in it", () => {
  const steps = deaths.map(({ step }) => step);
  expect(steps.toSorted()).toEqual([...TAKING, ...YIELDING].toSorted());
  const played = faults.map(({ name }) => name);
  for (const step of steps) expect(played).toContain(`a machine is gone at "${step}"`);
});
