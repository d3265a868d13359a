import { expect, test } from "vitest";
import { Jobs } from "./jobs.ts";
import { ManualClock } from "./manual-clock.ts";

test("sleepers wake in order, each at its moment, also those that sleep again", async () => {
  const clock = new ManualClock(0);
  const jobs = new Jobs(clock);
  const seen: string[] = [];
  jobs.start("slow", async () => {
    await jobs.sleep(30);
    seen.push(`slow ${clock.now()}`);
  });
  jobs.start("twice", async () => {
    await jobs.sleep(10);
    seen.push(`once ${clock.now()}`);
    await jobs.sleep(10);
    seen.push(`twice ${clock.now()}`);
  });
  await clock.advance(29, () => jobs.settled());
  expect(seen).toEqual(["once 10", "twice 20"]);
  await clock.advance(1, () => jobs.settled());
  expect(seen.at(-1)).toBe("slow 30");
  expect(clock.now()).toBe(30);
});

test("settled waits for work, not for the clock", async () => {
  const clock = new ManualClock(0);
  const jobs = new Jobs(clock);
  let worked = false;
  jobs.start("work", async () => {
    await new Promise((resolve) => setTimeout(resolve, 10));
    worked = true;
    await jobs.sleep(1000);
  });
  await jobs.settled();
  expect(worked).toBe(true);
  await jobs.close();
});

test("closing ends what sleeps, starts nothing more, and is no failure; what throws before is one", async () => {
  const clock = new ManualClock(0);
  const jobs = new Jobs(clock);
  let after = false;
  jobs.start("sleeper", async () => {
    await jobs.sleep(1000);
    after = true;
  });
  jobs.start("broken", async () => {
    throw new Error("boom");
  });
  await jobs.settled();
  expect(jobs.failures.map((f) => f.message)).toEqual(["broken: boom"]);
  await jobs.close();
  jobs.start("late", async () => {
    after = true;
  });
  expect([after, clock.sleeping, jobs.failures.length]).toEqual([false, 0, 1]);
});
