import { expect, test } from "vitest";
import type { Sample } from "../../../scripts/rehearsal/sample.ts";
import { handOvers, kills } from "../../../scripts/rehearsal/torture/acts.ts";
import { ledgerOf } from "../../../scripts/rehearsal/torture/ledger.ts";
import { Line } from "../../../scripts/rehearsal/torture/line.ts";
import { orderOf } from "../../../scripts/rehearsal/torture/order.ts";
import { judge, judgeMoment } from "../../../scripts/state/ledger.ts";
import { randomOf } from "../../../scripts/state/random.ts";
import type { Call } from "../../cloud/wire/server.ts";

const names = (seed: number, counts = { handOvers: 10, kills: 10 }): string[] =>
  orderOf(handOvers, kills, counts, randomOf(seed)).map(({ name }) => name);

test("the same seed makes the same order, another one another", () => {
  expect(names(1)).toEqual(names(1));
  expect(names(1)).not.toEqual(names(2));
});

test("so many as are asked for, and every bad thing once before one comes again", () => {
  for (const seed of [1, 2, 3]) {
    const played = names(seed);
    const planned = handOvers.map(({ name }) => name);
    expect(played).toHaveLength(20);
    expect(played.filter((name) => planned.includes(name))).toHaveLength(10);
    expect(new Set(played.filter((name) => !planned.includes(name))).size).toBe(kills.length);
  }
  expect(names(1, { handOvers: 2, kills: 0 })).toEqual(["deploy", "rollback"]);
});

const post = (at: number, n: number, status?: number): Sample => ({
  ...{ at, n, milliseconds: 10, method: "POST" as const },
  ...(status === undefined ? { error: "ECONNREFUSED" } : { status }),
});
const shown = (at: number, rows: [string, number][]): Sample => ({
  ...{ at, milliseconds: 1, method: "GET", status: 200, body: JSON.stringify(rows) },
});

test("visitors are held to what they were told: acknowledged, shown, and when", () => {
  const ledger = ledgerOf([
    {
      name: "w1",
      samples: [post(1_000, 1, 201), post(20_000, 2), post(30_000, 3, 503), post(40_000, 4, 201)],
    },
    { name: "r", samples: [shown(21_000, [["w1", 2]]), shown(22_000, [["w1", 1]])] },
  ]);
  const held = (...numbers: number[]) => ({ integrity: "ok", rows: { w1: numbers } });
  expect(judge(ledger, held(1, 2, 4))).toMatchObject({ acknowledged: 2, lost: [], unseen: [], twice: [] });
  expect(judge(ledger, held(1, 1, 3))).toMatchObject({ lost: ["w1 4"], unseen: ["w1 2"], twice: ["w1 1"] });
  expect(judgeMoment(ledger, held(1), 30_000)).toEqual({ missing: [], early: [] });
  expect(judgeMoment(ledger, held(4), 30_000)).toEqual({ missing: ["w1 1"], early: ["w1 4"] });
});

test("of a machine that is cut off nothing is heard, now or later; of all others everything is", async () => {
  const hooks: ((call: Call) => void | Promise<void>)[] = [];
  const line = new Line({
    wire: { before: (hook: (typeof hooks)[number]) => hooks.push(hook) },
    iam: { sessionOf: ({ accessKeyId }: Call) => ({ instanceId: accessKeyId }) },
  } as never);
  const call = (accessKeyId: string | undefined) => hooks[0]?.({ accessKeyId } as Call);
  line.cut("i-1");
  await Promise.all([call("i-2"), call(undefined)]);
  const unheard = expect(call("i-1")).rejects.toThrow();
  line.mend();
  await unheard;
  await call("i-1");
});
