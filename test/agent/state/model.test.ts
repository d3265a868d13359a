import { describe, expect, test } from "vitest";
import { explore } from "../ownership/interleave.ts";
import { bends, straight } from "./actors.ts";
import { cleanUp, restart, swap, twoTakers } from "./models.ts";

test.each([
  ["an owner that still writes, and two that take the log", () => twoTakers(straight, ["1a"]), 0, 1_000],
  ["a sealed owner that goes back, and one that may be open", () => swap(), 0, 100],
  ["an owner whose shipper dies with a PUT under way", () => restart(), 2, 50],
  ["an owner that slept while the log was cleaned up", () => cleanUp(), 1, 100],
])("every order of %s: no acknowledged write is lost", async (_, model, disturbances, states) => {
  expect(await explore(model(), disturbances)).toBeGreaterThan(states);
});

describe("the exploration sees what is wrong when", () => {
  test.each([
    [
      "a gap is not filled",
      () => twoTakers(bends["a gap is not filled"]),
      0,
      /acknowledged and gone|does not follow/,
    ],
    [
      "a later owner above the own fence is not looked for",
      () => twoTakers(bends["a later owner above the own fence is not looked for"]),
      0,
      /not so/,
    ],
    [
      "who meets a later owner goes on writing",
      () => twoTakers(bends["who meets a later owner goes on writing"]),
      0,
      /not so/,
    ],
    ["`open` is not written", () => swap({ careless: true }), 0, /acknowledged and gone: 2a/],
    ["going back rewinds without looking", () => swap({ blindly: true }), 0, /acknowledged and gone: 2a/],
    ["fences are deleted", () => cleanUp({ fences: false }), 0, /acknowledged and gone: 1a/],
    [
      "an own entry that came late is taken for a fence",
      () => restart(bends["an own entry that came late is taken for a fence"]),
      2,
      /the one and only owner goes on/,
    ],
  ])("%s", async (_, model, disturbances, message) => {
    await expect(explore(model(), disturbances)).rejects.toThrow(message);
  });
});
