import { pino } from "pino";
import { expect, test } from "vitest";
import { identify } from "../../../agent/boot/identify.ts";
import type { Notice } from "../../../agent/notify/notify.ts";
import { ManualClock } from "../../cloud/manual-clock.ts";

const log = pino({ level: "silent" });

test("who the machine is is asked until it is known, ever less often, and the operator hears of it", async () => {
  const clock = new ManualClock(0);
  const notices: Notice[] = [];
  const asked: number[] = [];
  const read = async (): Promise<string> => {
    asked.push(clock.now() / 1000);
    if (asked.length < 7) throw new Error("no public-ipv4");
    return "i-1";
  };
  const notify = async (notice: Notice) => void notices.push(notice);
  const known = identify(read, { clock, notify, log }, new AbortController().signal);
  await clock.advance(200_000);
  expect(await known).toBe("i-1");
  expect(asked).toEqual([0, 2, 7, 17, 37, 67, 97]);
  expect(notices[0]).toEqual({
    kind: "boot-failed",
    text: "a boot of a new instance failed: identity: no public-ipv4",
  });
});

test("asked to stop, it does not ask again", async () => {
  const clock = new ManualClock(0);
  const stop = new AbortController();
  const known = identify(
    async () => {
      throw new Error("no answer");
    },
    { clock, notify: async () => {}, log },
    stop.signal,
  );
  const ended = expect(known).rejects.toThrow("SIGTERM");
  await clock.advance(1_000);
  stop.abort(new Error("SIGTERM"));
  await ended;
});
