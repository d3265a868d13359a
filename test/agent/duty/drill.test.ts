import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from "vitest";
import { drillWeekly } from "../../../agent/duty/drill.ts";
import { keys } from "../../../agent/site/names.ts";
import { readJsonIfKnown } from "../../../agent/site/read-json.ts";
import { drilled } from "../../../agent/site/state/drilled.ts";
import { ManualClock } from "../../cloud/manual-clock.ts";
import { type LocalS3, startS3 } from "../site/s3.ts";

let local: LocalS3;
let clock: ManualClock;
let stop: AbortController;
let drills: number;
let failures: string[];
let said: string[];
let running: Promise<unknown>;
beforeAll(async () => {
  local = await startS3();
});
afterAll(() => local.close());
beforeEach(() => {
  [clock, stop, drills, failures, said] = [new ManualClock(), new AbortController(), 0, [], []];
  const found = { entry: 9, as: "2026-01-01T00:00:00.000Z", seconds: 1.2, databases: [] };
  const state = {
    drill: async () => {
      drills++;
      return { ...found, failures };
    },
  };
  const log = { warn: (text: string) => said.push(text) };
  running = drillWeekly(
    state,
    { store: local.store, instance: "i-1" },
    (text) => said.push(text),
    clock,
    log,
    stop.signal,
  ).catch(() => undefined);
});
afterEach(async () => {
  stop.abort();
  await running;
});

const hours = async (count: number) => {
  for (let i = 0; i < count * 2; i++) {
    await clock.advance(1_800_000);
    for (let turn = 0; turn < 10; turn++) await new Promise((resolve) => setTimeout(resolve, 1));
  }
};

test("what the bucket has is restored once a week, whichever instance it is, and how that ended is written down", async () => {
  await hours(1);
  expect(drills).toBe(1);
  const record = await readJsonIfKnown(local.store, keys.stateDrill, drilled);
  expect(record).toMatchObject({ by: "i-1", entry: 9, failures: [] });
  await hours(7);
  expect(drills).toBe(1);
  failures = ["db.sqlite3: row 7 missing from index"];
  await clock.advance(7 * 86_400_000);
  await hours(1);
  expect(drills).toBe(2);
  expect(said).toEqual([
    "what the site has written cannot be restored whole: db.sqlite3: row 7 missing from index",
  ]);
});
