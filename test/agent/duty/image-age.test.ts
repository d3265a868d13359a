import { pino } from "pino";
import { expect, test } from "vitest";
import { watchImageAge } from "../../../agent/duty/image-age.ts";
import { ManualClock } from "../../cloud/manual-clock.ts";

const log = pino({ level: "silent" });
const HOUR = 3_600_000;
const DAY = 24 * HOUR;

test("an image is reported once it is 30 days old, or gone; first an hour after the boot, then every day", async () => {
  const clock = new ManualClock();
  const stop = new AbortController();
  const told: string[] = [];
  const made = new Date(clock.now() - 29 * DAY);
  const answers: (Date | undefined | Error)[] = [made, made, new Error("503"), undefined];
  const created = async () => {
    const answer = answers.shift();
    if (answer instanceof Error) throw answer;
    return answer;
  };
  const done = watchImageAge("ami-1", created, (text) => told.push(text), clock, log, stop.signal);
  await clock.advance(HOUR - 1);
  expect(answers).toHaveLength(4);
  await clock.advance(1);
  expect([answers.length, ...told]).toEqual([3]);
  await clock.advance(DAY);
  expect(told).toEqual([
    expect.stringMatching(/^the image ami-1, .* kernel, is 30 days old: `everspot deploy --refresh-image`/),
  ]);
  await clock.advance(DAY);
  expect(told).toHaveLength(1);
  await clock.advance(DAY);
  expect(told[1]).toMatch(/^the image ami-1, from which this machine was launched, is gone/);
  stop.abort(new Error("told to stop"));
  await expect(done).rejects.toThrow("told to stop");
});
