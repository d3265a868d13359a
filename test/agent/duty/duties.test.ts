import { pino } from "pino";
import { expect, test } from "vitest";
import type { ServedCertificate } from "../../../agent/certificate/context.ts";
import { keepCertificate, keepLaunchable, keepLayers, soak } from "../../../agent/duty/duties.ts";
import { ManualClock } from "../../cloud/manual-clock.ts";

const log = pino({ level: "silent" });

test("a release is good after five minutes without a failed check; a failure starts them again", async () => {
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

test("what can be launched is looked at every minute, also after a failure, and told of when it was put right", async () => {
  const clock = new ManualClock();
  const stop = new AbortController();
  const told: string[] = [];
  const answers = [undefined, new Error("503"), "put right", undefined];
  let looks = 0;
  const ensure = async () => {
    looks += 1;
    const answer = answers.shift();
    if (answer instanceof Error) throw answer;
    return answer;
  };
  const done = keepLaunchable(ensure, (text) => told.push(text), clock, log, stop.signal);
  await clock.advance(240_000);
  expect(looks).toBe(4);
  expect(told).toEqual(["put right"]);
  stop.abort(new Error("told to stop"));
  await expect(done).rejects.toThrow("told to stop");
});

test("packages are proven at once, tried again if that fails, and the mirror is asked no sooner than an hour later", async () => {
  const clock = new ManualClock();
  const stop = new AbortController();
  const asked: string[] = [];
  let trouble = true;
  const packages = {
    prove: async () => {
      asked.push("prove");
      if (trouble) throw new Error("503");
      return 1;
    },
    renew: async () => {
      asked.push("renew");
      return ["nginx 2"];
    },
  };
  const told: string[] = [];
  const done = keepLayers(packages, (text) => told.push(text), clock, log, stop.signal);
  await clock.advance(0);
  expect(asked).toEqual(["prove"]);
  trouble = false;
  await clock.advance(60_000);
  expect(asked).toEqual(["prove", "prove"]);
  await clock.advance(3_600_000);
  expect(asked.slice(2)).toEqual(["renew"]);
  expect(told).toContain("security updates for the next swap: nginx 2");
  stop.abort(new Error("told to stop"));
  await expect(done).rejects.toThrow("told to stop");
});
