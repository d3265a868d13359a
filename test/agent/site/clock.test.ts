import { expect, test } from "vitest";
import { systemClock } from "../../../agent/site/clock.ts";

test("a sleep ends after its time, or with the signal's own reason", async () => {
  const before = systemClock.now();
  await systemClock.sleep(20);
  expect(systemClock.now() - before).toBeGreaterThanOrEqual(18);
  const stop = new AbortController();
  const reason = new Error("told to stop");
  const sleeping = systemClock.sleep(60_000, stop.signal);
  stop.abort(reason);
  await expect(sleeping).rejects.toBe(reason);
  await expect(systemClock.sleep(60_000, stop.signal)).rejects.toBe(reason);
});
