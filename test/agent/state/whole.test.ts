import { describe, expect, test } from "vitest";
import { randomOf } from "../../../scripts/state/random.ts";
import { explore, wander } from "../ownership/interleave.ts";
import { bends } from "./actors.ts";
import { testSomeOrders } from "./some-orders.ts";
import { handingOver, type Left } from "./whole.ts";

/** test/system/orders.test.ts goes more. */
const WALKS = 100;

test("every order of an owner that hands over, late or not at all, to one that may be slow: no acknowledged write is lost", async () => {
  expect(await explore(handingOver(), 0)).toBeGreaterThan(3_000);
}, 60_000);

testSomeOrders(WALKS, 1);

describe("some order shows what is wrong when", () => {
  const two = { third: true, writes: ["1a", "1b"] };
  test.each<[string, Left, Parameters<typeof handingOver>[1]]>([
    ["a claim is written whatever is there", { unconditional: true }, { third: true }],
    ["who goes back does not look for an `open`", { blindly: true }, {}],
    ["`open` is not written", { silently: true }, {}],
    ["a gap is not filled", { bend: bends["a gap is not filled"] }, two],
    [
      "a later owner above the own fence is not looked for",
      { bend: bends["a later owner above the own fence is not looked for"] },
      two,
    ],
    [
      "who meets a later owner goes on writing",
      { bend: bends["who meets a later owner goes on writing"] },
      { writes: ["1a", "1b"] },
    ],
    ["what a release wrote that never served stays", { halfDone: true }, { third: true, tries: true }],
    ["fences are deleted", { fencesGo: true }, { cleans: true, writes: ["1a", "1b"] }],
  ])(
    "%s",
    async (_, left, who) => {
      const walks = wander(handingOver({ ahead: 2, ...left }, who), 1, 20_000, randomOf(1));
      await expect(walks).rejects.toThrow(/not so|does not follow|with the epoch of|which has no fence/);
    },
    60_000,
  );
});
