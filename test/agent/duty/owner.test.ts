import { pino } from "pino";
import { afterEach, beforeEach, expect, test } from "vitest";
import { ensureCertificate } from "../../../agent/certificate/ensure.ts";
import { ownerDuties } from "../../../agent/duty/owner.ts";
import { ManualClock } from "../../cloud/manual-clock.ts";
import { fixture } from "../certificate/fixture.ts";
import { TestInstance } from "../machine/instance.ts";

const log = pino({ level: "silent" });

let on: TestInstance;
let clock: ManualClock;
beforeEach(async () => {
  on = await TestInstance.open();
  clock = new ManualClock(Date.now());
});
afterEach(() => on.close());

test.each([
  ["at once while visitors trust none", false, ["renew stored in a hurry", "renew stored"]],
  ["without cutting off a request otherwise", true, ["renew stored", "renew stored"]],
])("a certificate that nginx does not show yet is served, %s", async (_, trusted, expected) => {
  const { context } = await fixture().machine();
  await ensureCertificate(context);
  const { machine, recorder } = on.agent(clock, "i-00000001");
  const stop = new AbortController();
  const duties = ownerDuties(
    {
      machine: { ...machine, certificates: context },
      recorder,
      log,
      launches: undefined,
      shown: { trusted },
    },
    "r1",
    stop.signal,
  );
  for (let i = 0; i < 200 && on.done.length < expected.length; i++) {
    await new Promise((resolve) => setTimeout(resolve, 5));
    // nginx goes on showing another: what was told is told again at the next look.
    if (on.done.length > 0) await clock.advance(60_000);
  }
  stop.abort(new Error("end of the test"));
  await Promise.allSettled(duties);
  recorder.close();
  expect(on.done.slice(0, 2)).toEqual(expected);
});
