import { describe, expect, test } from "vitest";
import { systemClock } from "../../../agent/site/clock.ts";
import { poll } from "../../../agent/site/poll.ts";

/** Time that passes only while someone sleeps. */
function steppedClock() {
  let now = 1_000_000;
  const slept: number[] = [];
  return {
    slept,
    now: () => now,
    sleep: async (ms: number, signal?: AbortSignal) => {
      signal?.throwIfAborted();
      slept.push(ms);
      now += ms;
    },
  };
}

describe("poll", () => {
  test("returns what was looked for, without sleeping when it is there at once", async () => {
    const clock = steppedClock();
    expect(await poll("it", async () => ({ done: 7 }), { seconds: 10, everySeconds: 1, clock })).toBe(7);
    expect(clock.slept).toEqual([]);
  });

  test("looks until it is there", async () => {
    const clock = steppedClock();
    let looks = 0;
    const look = async () => (++looks < 3 ? { waiting: "pending" } : { done: looks });
    expect(await poll("it", look, { seconds: 10, everySeconds: 2, clock })).toBe(3);
    expect(clock.slept).toEqual([2000, 2000]);
  });

  test("done may be undefined or false", async () => {
    const options = { seconds: 1, everySeconds: 1, clock: steppedClock() };
    expect(await poll("it", async () => ({ done: undefined }), options)).toBeUndefined();
    expect(await poll("it", async () => ({ done: false }), options)).toBe(false);
  });

  test("the last delay ends at the deadline, and there is a last look", async () => {
    const clock = steppedClock();
    let looks = 0;
    const look = async () => ({ waiting: `state ${++looks}` });
    const failed = poll("the fleet", look, { seconds: 5, everySeconds: 2, hint: "look", clock });
    await expect(failed).rejects.toMatchObject({
      name: "EverspotError",
      message: "the fleet: not after 5 s; last seen: state 4",
      hint: "look",
      retry: "retry",
    });
    expect(clock.slept).toEqual([2000, 2000, 1000]);
  });

  test("something that appears at the last look counts", async () => {
    const clock = steppedClock();
    const end = clock.now() + 3000;
    const look = async () => (clock.now() >= end ? { done: "there" } : { waiting: "no" });
    expect(await poll("it", look, { seconds: 3, everySeconds: 2, clock })).toBe("there");
  });

  test("what look throws is passed on at once", async () => {
    const clock = steppedClock();
    const look = async () => {
      throw new Error("denied");
    };
    await expect(poll("it", look, { seconds: 3, everySeconds: 1, clock })).rejects.toThrow("denied");
    expect(clock.slept).toEqual([]);
  });

  test("an abort ends the wait with its reason", async () => {
    const controller = new AbortController();
    const look = async () => {
      controller.abort(new Error("told to stop"));
      return { waiting: "x" };
    };
    const options = { seconds: 3, everySeconds: 1, signal: controller.signal };
    await expect(poll("it", look, { ...options, clock: steppedClock() })).rejects.toThrow("told to stop");
  });

  test("the system's clock stops sleeping when aborted", async () => {
    const signal = AbortSignal.timeout(20);
    const looked = poll("it", async () => ({ waiting: "x" }), {
      seconds: 60,
      everySeconds: 60,
      signal,
      clock: systemClock,
    });
    await expect(looked).rejects.toThrow();
    expect(signal.aborted).toBe(true);
  });
});
