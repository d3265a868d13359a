import { expect, test } from "vitest";
import { DEADLINES } from "../../../agent/record/deadline.ts";
import { runGraph, StepFailed, type StepObserver, step } from "../../../agent/record/graph.ts";
import { ManualClock } from "../../cloud/manual-clock.ts";

const silent: StepObserver = {
  ...{ started: () => {}, detail: () => {}, warned: () => {}, done: () => {}, stopped: () => {} },
  failed: () => {},
};
const forever = new AbortController().signal;
const never = () => new Promise<never>(() => {});

async function fails(
  steps: Parameters<typeof runGraph>[0],
  seconds: number,
  clock: ManualClock = new ManualClock(),
) {
  let failed: unknown;
  const ended = runGraph(steps, silent, forever, clock).catch((error: unknown) => {
    failed = error;
  });
  await clock.advance((seconds - 1) * 1000);
  expect(failed).toBeUndefined();
  await clock.advance(12_000);
  await ended;
  expect(clock.sleeping).toBe(0);
  return failed;
}

test("a step that never ends is given up at its deadline, and named", async () => {
  const quick = step("quick", {}, async () => 1);
  const hangs = step("secrets", { quick }, never);
  const failed = await fails([quick, hangs], DEADLINES.calls);
  expect(failed).toBeInstanceOf(StepFailed);
  expect(failed).toMatchObject({
    step: "secrets",
    message: `not done after ${DEADLINES.calls} s`,
    retry: "retry",
    blame: undefined,
  });
});

test("one that heeds the abort ends by itself, and the reason is still the deadline", async () => {
  const clock = new ManualClock();
  const began = clock.now();
  let aborted: unknown;
  let after: number | undefined;
  const heeds = step("ownership", {}, async (_, { signal }) => {
    await new Promise((resolve) => signal.addEventListener("abort", resolve));
    aborted = signal.reason;
    after = clock.now() - began;
    throw new Error("a call was cut off");
  });
  expect(await fails([heeds], DEADLINES.calls, clock)).toMatchObject({
    message: `not done after ${DEADLINES.calls} s`,
  });
  expect(aborted).toMatchObject({ message: `not done after ${DEADLINES.calls} s` });
  // Before it is given up.
  expect(after).toBe(DEADLINES.calls * 1000);
});

test("what takes longer by its kind gets longer", async () => {
  const long = step({ name: "packages", takes: "install" }, {}, never);
  expect(await fails([long], DEADLINES.install)).toMatchObject({ step: "packages" });
});

test("the release's own code that never ends is the release's fault", async () => {
  const hangs = step("prepare", {}, never, "always");
  expect(await fails([hangs], DEADLINES.calls)).toMatchObject({
    blame: `prepare: not done after ${DEADLINES.calls} s`,
  });
});

test("steps within their time give signs of life", async () => {
  const clock = new ManualClock();
  let sleeps = 0;
  const counted = {
    now: () => clock.now(),
    sleep: (ms: number, signal?: AbortSignal) => {
      sleeps++;
      return clock.sleep(ms, signal);
    },
  };
  const hangs = step({ name: "packages", takes: "install" }, {}, never);
  const ended = runGraph([hangs], silent, forever, counted).catch(() => undefined);
  await clock.advance(300_000);
  expect(sleeps).toBeGreaterThanOrEqual(10);
  await clock.advance(DEADLINES.install * 1000);
  await ended;
});

test("a machine that sets its time during a step makes it no later", async () => {
  const clock = new ManualClock();
  let ahead = 0;
  const set = { now: () => clock.now() + ahead, sleep: clock.sleep.bind(clock) };
  let finish = () => {};
  const one = step(
    "nginx",
    {},
    () =>
      new Promise<void>((resolve) => {
        finish = resolve;
      }),
  );
  const ended = runGraph([one], silent, forever, set);
  await clock.advance(40_000);
  ahead = 3_600_000;
  await clock.advance(60_000);
  finish();
  expect((await ended).size).toBe(1);
});
