/** The same races as in test/agent, in every order, or in four times as many. */
import { describe, expect, test } from "vitest";
import { explore } from "../agent/ownership/interleave.ts";
import { beginnings, race } from "../agent/ownership/races.ts";
import { testSomeOrders } from "../agent/state/some-orders.ts";

test.each(beginnings)(
  "two instances take over %s: every order, every write that loses its reply or its way",
  async (_, initial) => {
    expect(await explore(race(initial), 1)).toBeGreaterThan(10_000);
  },
);

describe("an owner hands over", () => testSomeOrders(400, 1));
