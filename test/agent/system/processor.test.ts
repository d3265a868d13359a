import { expect, test } from "vitest";
import { machineAge, patientClock, processorTime, thisProcessor } from "../../../agent/system/processor.ts";
import { ManualClock } from "../../cloud/manual-clock.ts";

test("busy is all work, not waiting; stolen is what the host kept", () => {
  const stat = "cpu  100 20 30 4000 500 6 4 700 80 9\ncpu0 1 2 3 4 5 6 7 8 9 0\nctxt 1\n";
  expect(processorTime(stat)).toEqual({ busy: 1.6, stolen: 7 });
  expect(processorTime("")).toEqual({ busy: 0, stolen: 0 });
});

test("the age is that of pid 1, whatever it is called", () => {
  const stat = `1 (a) b (c) S 0 1 1 0 -1 4194560 ${"0 ".repeat(12)}250 0 0`;
  expect(machineAge(stat, "12.50 20.00\n")).toBe(10);
});

test("this machine tells both", () => {
  expect(thisProcessor.time().busy).toBeGreaterThan(0);
  expect(thisProcessor.age()).toBeGreaterThan(0);
});

function held() {
  const clock = new ManualClock();
  const began = clock.now();
  /** Seconds stolen in each second. */
  let share = 0;
  let stolen = 0;
  let at = began;
  const time = () => {
    stolen += (share * (clock.now() - at)) / 1000;
    at = clock.now();
    return { busy: 0, stolen };
  };
  const steal = (next: number) => {
    time();
    share = next;
  };
  return { clock, began, patient: patientClock(clock, { time }), steal };
}

test("a machine that has its processors is given no more time than it was", async () => {
  const { clock, patient } = held();
  let awake = false;
  void patient.sleep(30_000).then(() => (awake = true));
  await clock.advance(29_999);
  expect(awake).toBe(false);
  await clock.advance(1);
  expect(awake).toBe(true);
  expect(patient.slowness()).toBe(1);
});

test("time in which it is kept from them does not count, but for a tenth", async () => {
  const { clock, patient, steal, began } = held();
  steal(0.8);
  let awake = 0;
  void patient.sleep(30_000).then(() => (awake = (clock.now() - began) / 1000));
  await clock.advance(149_000);
  expect(awake).toBe(0);
  await clock.advance(2_000);
  expect(awake).toBeCloseTo(150, 0);
  expect(patient.slowness()).toBeCloseTo(5);
  // Two processors are kept from all they have to do.
  steal(1.9);
  patient.now();
  const before = patient.now();
  await clock.advance(10_000);
  expect(patient.now() - before).toBeCloseTo(1000);
});

test("books that are behind do not matter: what comes late counts for the looks after it", async () => {
  const { clock, patient } = held();
  let stolen = 0;
  const behind = patientClock(clock, { time: () => ({ busy: 0, stolen }) });
  const began = behind.now();
  for (let i = 0; i < 40; i++) {
    if (i % 2 === 1) stolen += 0.8;
    for (let look = 0; look < 10; look++) {
      await clock.advance(50);
      behind.now();
    }
  }
  expect((behind.now() - began) / 1000).toBeCloseTo(4, 0);
  expect(patient.slowness()).toBe(1);
});
