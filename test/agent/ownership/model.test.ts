import { expect, test } from "vitest";
import { randomOf } from "../../../scripts/state/random.ts";
import { explore, wander } from "./interleave.ts";
import { beginnings, owned, race, raceWithOwner, type Weaken } from "./races.ts";

/** Of orders with a disturbance; test/system/orders.test.ts has all of them. */
const WALKS = 200;

test.each(beginnings)(
  "two instances take over %s: every order, and some with a write that loses its reply or its way",
  async (_, initial) => {
    expect(await explore(race(initial), 0)).toBeGreaterThan(500);
    expect(await wander(race(initial), 1, WALKS, randomOf(1))).toBeGreaterThan(WALKS * 10);
  },
  60_000,
);

test("an instance takes over while the owner lowers its TTL", async () => {
  expect(await explore(raceWithOwner(), 1)).toBeGreaterThan(1_000);
}, 60_000);

type WireChange = { Action: string; ResourceRecordSet: { Type: string } };

/** Alters the batches on their way to Route 53. */
const batches =
  (alter: (changes: WireChange[]) => WireChange[]): Weaken =>
  (call) => {
    const batch = call.input.ChangeBatch as { Changes: WireChange[] } | undefined;
    if (batch === undefined) return call;
    return { ...call, input: { ...call.input, ChangeBatch: { Changes: alter(batch.Changes) } } };
  };
const upsert = (changes: WireChange[]) =>
  changes.filter((c) => c.Action === "CREATE").map((c) => ({ ...c, Action: "UPSERT" }));

test.each<[string, Weaken]>([
  ["batches that upsert", batches(upsert)],
  [
    "batches that are exact about the address only",
    batches((changes) => [
      ...changes.filter((c) => c.ResourceRecordSet.Type === "A"),
      ...upsert(changes.filter((c) => c.ResourceRecordSet.Type === "TXT")),
    ]),
  ],
  [
    "a site.json that is written without a condition",
    (call) => {
      const { IfMatch: _, IfNoneMatch: __, ...input } = call.input;
      return { ...call, input };
    },
  ],
])(
  "the exploration sees what is wrong with %s",
  async (_, weaken) => {
    await expect(explore(race(owned(), weaken), 0)).rejects.toThrow(/^not so: .*\nafter/);
  },
  60_000,
);

test("an owner that lowers its TTL without the fence takes the site back", async () => {
  await expect(explore(raceWithOwner(batches(upsert)), 0)).rejects.toThrow(/the fence never goes back/);
});
