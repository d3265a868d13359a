import { expect, test } from "vitest";
import { keepTtl } from "../../../agent/ownership/ttl.ts";
import { ManualClock } from "../../cloud/manual-clock.ts";

function keeping(publish: (ttl: number) => Promise<boolean>) {
  const clock = new ManualClock();
  const stop = new AbortController();
  const troubles: unknown[] = [];
  const state = { wanted: 60 };
  const done = keepTtl(60, () => state.wanted, publish, {
    clock,
    signal: stop.signal,
    onTrouble: (error) => troubles.push(error),
  });
  return { clock, stop, troubles, state, done };
}

test("the TTL follows what is wanted within a second, and is written once", async () => {
  const written: number[] = [];
  const { clock, stop, state, done } = keeping(async (ttl) => written.push(ttl) > 0);
  await clock.advance(10_000);
  expect(written).toEqual([]);
  state.wanted = 5;
  await clock.advance(1_000);
  expect(written).toEqual([5]);
  await clock.advance(30_000);
  state.wanted = 60;
  await clock.advance(1_000);
  expect(written).toEqual([5, 60]);
  stop.abort();
  await done;
});

test("trouble is reported and tried again", async () => {
  let calls = 0;
  const { clock, stop, state, troubles, done } = keeping(async () => {
    if (++calls === 1) throw new Error("Throttling");
    return true;
  });
  state.wanted = 5;
  await clock.advance(1_000);
  expect(troubles).toHaveLength(1);
  await clock.advance(5_000);
  expect(calls).toBe(2);
  stop.abort();
  await done;
});

test("who does not own the records any more leaves them alone for good", async () => {
  let calls = 0;
  const { clock, state, done } = keeping(async () => {
    calls++;
    return false;
  });
  state.wanted = 5;
  await clock.advance(1_000);
  await done;
  expect(calls).toBe(1);
});
