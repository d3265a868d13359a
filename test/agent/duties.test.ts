import { pino } from "pino";
import { expect, test } from "vitest";
import type { ServedCertificate } from "../../agent/certificate/context.ts";
import { keepCertificate, soak } from "../../agent/duties.ts";
import { ManualClock } from "../cloud/manual-clock.ts";

const log = pino({ level: "silent" });

test("a release is good after five minutes without a failed check; a failure starts them anew", async () => {
  const clock = new ManualClock();
  const good: string[] = [];
  let ok = true;
  const candidates = { markGood: async (id: string) => good.push(id) > 0 };
  const done = soak("r1", candidates, async () => ({ ok }), clock, log, new AbortController().signal);
  await clock.advance(290_000);
  ok = false;
  await clock.advance(10_000);
  ok = true;
  await clock.advance(290_000);
  expect(good).toEqual([]);
  await clock.advance(10_000);
  await done;
  expect(good).toEqual(["r1"]);
});

test("a bucket in trouble delays the mark, and an abort ends the soak", async () => {
  const clock = new ManualClock();
  let calls = 0;
  const candidates = {
    markGood: async () => {
      if (++calls < 3) throw new Error("503");
      return true;
    },
  };
  const done = soak("r1", candidates, async () => ({ ok: true }), clock, log, new AbortController().signal);
  await clock.advance(330_000);
  await done;
  expect(calls).toBe(3);

  const stop = new AbortController();
  const stopped = soak("r1", candidates, async () => ({ ok: true }), clock, log, stop.signal);
  stop.abort(new Error("told to stop"));
  await expect(stopped).rejects.toThrow("told to stop");
});

test("the certificate is looked at at once and every minute; a renewed one is served, trouble is passed over", async () => {
  const clock = new ManualClock();
  const served: string[] = [];
  const answers: (Partial<ServedCertificate> | undefined | Error)[] = [
    undefined,
    new Error("no bucket"),
    { serial: "aa", notAfter: new Date(0) },
  ];
  const stop = new AbortController();
  const done = keepCertificate(
    async () => {
      const answer = answers.shift();
      if (answer instanceof Error) throw answer;
      return answer as ServedCertificate | undefined;
    },
    async ({ serial }) => void served.push(serial),
    clock,
    log,
    stop.signal,
  );
  await clock.advance(0);
  expect(answers).toHaveLength(2);
  await clock.advance(60_000);
  expect(served).toEqual([]);
  await clock.advance(60_000);
  expect(served).toEqual(["aa"]);
  stop.abort(new Error("told to stop"));
  await expect(done).rejects.toThrow("told to stop");
});
