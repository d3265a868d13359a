import { pino } from "pino";
import { afterEach, beforeEach, expect, test } from "vitest";
import { ensureCertificate } from "../../../agent/certificate/ensure.ts";
import { ownerDuties } from "../../../agent/duty/owner.ts";
import type { Notice } from "../../../agent/notify/notify.ts";
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

test("an old image is reported at the webhook, by the image that the disk began as", async () => {
  const { machine, recorder } = on.agent(clock, "i-00000001");
  const asked: string[] = [];
  const notices: Notice[] = [];
  const launches = {
    ...machine.launches,
    imageCreated: async (image: string) => {
      asked.push(image);
      return new Date(clock.now() - 31 * 86_400_000);
    },
  };
  const identity = { ...machine.identity, image: "ami-0000000b", base: "ami-0000000a" };
  const stop = new AbortController();
  const old = { ...machine, identity, launches, notify: async (notice: Notice) => void notices.push(notice) };
  const shown = { trusted: true };
  const duties = ownerDuties({ machine: old, recorder, log, launches: undefined, shown }, "r1", stop.signal);
  await clock.advance(3_600_000);
  stop.abort(new Error("end of the test"));
  await Promise.allSettled(duties);
  recorder.close();
  expect(asked).toEqual(["ami-0000000a"]);
  expect(notices.filter((n) => n.kind === "old-image")).toEqual([
    { kind: "old-image", text: expect.stringContaining("ami-0000000a") },
  ]);
});

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
