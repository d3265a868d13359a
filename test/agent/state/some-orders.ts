import { expect, test } from "vitest";
import { randomOf } from "../../../scripts/state/random.ts";
import { wander } from "../ownership/interleave.ts";
import { handingOver } from "./whole.ts";

/** Where there are too many orders of a hand-over to go through, some. @param seed which. */
export function testSomeOrders(walks: number, seed: number): void {
  test.each([
    ["lost replies, and PUTs that come late", {}, 2],
    ["two that take the site at once", { third: true }, 1],
    ["a release that is tried and never serves", { third: true, tries: true }, 1],
    ["an owner that sleeps while the log is cleaned up", { cleans: true, writes: ["1a", "1b"] }, 1],
  ])(
    "some orders of the same with %s",
    async (_, who, disturbances) => {
      const steps = await wander(handingOver({ ahead: 2 }, who), disturbances, walks, randomOf(seed));
      expect(steps).toBeGreaterThan(walks * 15);
    },
    60_000,
  );
}
