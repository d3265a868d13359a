import { expect, test } from "vitest";
import { explore } from "../agent/ownership/interleave.ts";
import { bends, straight } from "../agent/state/actors.ts";
import { cleanUp, restart, swap, twoTakers } from "../agent/state/models.ts";

/** The same models as in test/agent/state, with more writes and with calls that lose their answer or their way. */
test.each([
  ["an owner that still writes, and two that take the log", () => twoTakers(straight), 1, 100_000],
  ["a sealed owner that goes back, and one that may be open", () => swap(), 2, 50_000],
  ["an owner whose shipper dies with a PUT under way", () => restart(), 4, 50],
  ["an owner that slept while the log was cleaned up", () => cleanUp(), 2, 1_000],
])("every order of %s: no acknowledged write is lost", async (_, model, disturbances, states) => {
  const seen = await explore(model(), disturbances);
  expect(seen).toBeGreaterThan(states);
});

test("a number of the fence that got no answer must be settled before anything is read", async () => {
  const careless = twoTakers(bends["a number of the fence that got no answer is taken for lost"]);
  await expect(explore(careless, 1)).rejects.toThrow(/acknowledged and gone|does not follow/);
});
