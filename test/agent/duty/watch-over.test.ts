import { afterEach, beforeEach, expect, test } from "vitest";
import { watchOver } from "../../../agent/duty/watch-over.ts";
import { ManualClock } from "../../cloud/manual-clock.ts";

let clock: ManualClock;
let stop: AbortController;
beforeEach(() => {
  [clock, stop] = [new ManualClock(), new AbortController()];
});
afterEach(() => stop.abort());

test("looks at all of it every minute; what cannot be looked at keeps nothing else from being told", async () => {
  const said: string[] = [];
  const warned: string[] = [];
  let killed = 0;
  let maintained = false;
  const gauges = {
    disk: async () => Promise.reject(new Error("EIO")),
    killed: async () => killed++,
    answers: async () => ({ all: 100, failed: 50 }),
  };
  const told = (what: string) => async (trouble: { kind: string }) =>
    said.push(`${what} ${trouble.kind}`) > 0;
  const watching = watchOver(
    gauges,
    async () => maintained,
    { raise: told("raise"), clear: told("clear") },
    clock,
    (message) => warned.push(message),
    stop.signal,
  ).catch(() => undefined);
  await clock.advance(60_000);
  await clock.advance(60_000);
  maintained = true;
  await clock.advance(60_000);
  stop.abort();
  await watching;
  // In maintenance errors are not reported.
  expect(said.join()).toBe("raise errors,raise memory,raise errors,raise memory,raise errors,raise memory");
  expect(warned).toEqual(Array(4).fill("disk: EIO"));
});
