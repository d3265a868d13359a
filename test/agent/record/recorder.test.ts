import { afterEach, beforeEach, expect, test } from "vitest";
import type { Identity } from "../../../agent/identity/identity.ts";
import { BootRecorder } from "../../../agent/record/recorder.ts";
import { bootRecord, stepLabel } from "../../../agent/site/boot-record.ts";
import { EverspotError } from "../../../agent/site/errors.ts";
import { keys } from "../../../agent/site/names.ts";
import type { ObjectStore } from "../../../agent/site/store.ts";
import { ManualClock } from "../../cloud/manual-clock.ts";
import { Traffic } from "../../cloud/traffic.ts";
import { type LocalS3, startS3 } from "../site/s3.ts";

const identity: Identity = {
  instance: "i-0123456789abcdef0",
  type: "t4g.nano",
  image: "ami-01234567",
  zone: "us-east-1a",
  address: "203.0.113.7",
  privateAddress: "10.0.0.7",
  lifeCycle: "spot",
};

let local: LocalS3;
let clock: ManualClock;
let traffic: Traffic;
beforeEach(async () => {
  local = await startS3();
  clock = new ManualClock();
  traffic = new Traffic();
});
afterEach(async () => {
  traffic.stop();
  await local.close();
});

function recorder(store: ObjectStore = local.store, errors: unknown[] = [], bootId = "b-1") {
  return new BootRecorder({
    store,
    site: "blog",
    bootId,
    agent: "a".repeat(64),
    started: clock.now(),
    before: [{ phase: "bootstrap", name: "agent", needs: [], start: 0, seconds: 1, state: "done" }],
    clock,
    onError: (error) => errors.push(error),
  });
}
const stored = async () => {
  const found = await local.store.get(keys.boot(identity.instance));
  return found && bootRecord.parse(JSON.parse(new TextDecoder().decode(found.body)));
};
const start = (name: string, ...needs: string[]) => ({ name, needs, ownCode: name === "app" });
const puts = () => local.server.calls.filter((c) => c.operation === "PutObject").length;
const settle = () => clock.advance(6_000, () => traffic.quiet());

test("records steps with start, seconds, needs, details, failures and their last lines", async () => {
  const record = recorder();
  record.attempt(1);
  record.identify(identity);
  await clock.advance(1500);
  const boot = record.observe("boot");
  boot.started(start("app", "release"));
  boot.detail("app", "starting");
  boot.started(start("packages"));
  await clock.advance(250);
  const lines = Array.from({ length: 100 }, (_, i) => `line ${i}`);
  boot.failed("app", new EverspotError("it died", { hint: "look", resource: "release 7", lines }));
  boot.stopped("packages");
  boot.started(start("nginx"));
  boot.done("nginx");
  boot.warned("nginx", "old");
  record.change({ state: "failed" });
  await settle();
  expect(await stored()).toMatchObject({
    instance: identity.instance,
    type: "t4g.nano",
    address: "203.0.113.7",
    state: "failed",
    warnings: ["nginx: old"],
    steps: [
      { phase: "bootstrap", name: "agent", state: "done" },
      {
        name: "app",
        needs: ["release"],
        start: 1.5,
        seconds: 0.25,
        state: "failed",
        detail: "starting",
        error: "it died (release 7)",
        hint: "look",
        phase: "boot",
        ownCode: true,
      },
      { phase: "boot", name: "packages", state: "stopped", seconds: 0.25 },
      { name: "nginx", state: "done", seconds: 0 },
    ],
  });
  expect((await stored())?.steps[1]?.lines?.at(-1)).toBe("line 99");
  expect((await stored())?.steps[1]?.lines).toHaveLength(40);
});

test("many changes become few writes, and the last one is always written", async () => {
  const record = recorder();
  record.identify(identity);
  for (let i = 0; i < 50; i++) {
    record.observe("boot").started(start(`step ${i}`));
    record.observe("boot").done(`step ${i}`);
  }
  await settle();
  expect(puts()).toBeLessThanOrEqual(3);
  expect((await stored())?.steps.at(-1)).toMatchObject({ name: "step 49", state: "done" });
});

test("nothing is written before the instance is known", async () => {
  const record = recorder();
  record.observe("boot").started(start("identity"));
  await settle();
  expect(puts()).toBe(0);
  expect(record.value).toBeUndefined();
  record.identify(identity);
  await settle();
  expect((await stored())?.steps.map(stepLabel)).toEqual(["bootstrap: agent", "identity"]);
});

test("a store that fails neither throws nor stops the record", async () => {
  let broken = true;
  const errors: unknown[] = [];
  const store: ObjectStore = {
    ...local.store,
    put: (key, body) => (broken ? Promise.reject(new Error("503")) : local.store.put(key, body)),
  };
  const record = recorder(store, errors);
  record.identify(identity);
  await settle();
  expect(errors.length).toBeGreaterThan(0);
  expect(await stored()).toBeUndefined();
  broken = false;
  for (let i = 0; i < 10; i++) await settle();
  expect((await stored())?.state).toBe("booting");
});

test("a new attempt forgets the steps of the last one, but not those of bootstrap.sh", async () => {
  const record = recorder();
  record.identify(identity);
  record.observe("boot").started(start("app"));
  record.warn("odd");
  record.attempt(2);
  expect(record.value).toMatchObject({ attempt: 2, state: "booting", warnings: [] });
  expect(record.value?.steps.map(stepLabel)).toEqual(["bootstrap: agent"]);
  await settle();
});

test("flush waits for the write under way, close ends writing", async () => {
  const record = recorder();
  record.identify(identity);
  record.change({ state: "serving" });
  const flushed = record.flush(5);
  await settle();
  await flushed;
  expect((await stored())?.state).toBe("serving");
  record.close();
  record.change({ state: "failed" });
  await settle();
  expect((await stored())?.state).toBe("serving");
});

test("events since the boot are kept, the newest fifty; a new try of the boot keeps them", async () => {
  const record = recorder();
  record.identify(identity);
  for (let i = 0; i < 60; i++) record.event(`event ${i}`);
  record.attempt(2);
  expect(record.value?.events?.map((e) => e.text)).toEqual(
    Array.from({ length: 50 }, (_, i) => `event ${i + 10}`),
  );
  record.close();
});

test("a step that begins again takes the place of its earlier run, and not of one of another phase", () => {
  const record = recorder();
  record.observe("boot").started(start("app"));
  const later = record.observe("in-place");
  record.identify(identity);
  later.started(start("app"));
  later.failed("app", new Error("no"));
  later.started(start("app"));
  expect(record.value?.steps.filter((s) => stepLabel(s) === "in-place: app")).toMatchObject([
    { state: "running" },
  ]);
  record.forget("in-place");
  expect(record.value?.steps.map(stepLabel)).toEqual(["bootstrap: agent", "app"]);
  record.close();
});

test("the record of an earlier boot of the instance goes to the history before it is overwritten", async () => {
  const kept = async () => (await local.store.list(keys.historyPrefix)).map(({ key }) => key);
  const first = recorder();
  first.identify(identity);
  await settle();
  const again = recorder();
  again.identify(identity);
  await settle();
  expect(await kept()).toEqual([]);

  const earlier = await stored();
  await clock.advance(60_000);
  const rebooted = recorder(local.store, [], "b-2");
  rebooted.identify(identity);
  await settle();
  const [key = ""] = await kept();
  expect(key).toBe(keys.history(earlier?.started ?? "", "boot", identity.instance));
  const found = await local.store.get(key);
  expect(JSON.parse(new TextDecoder().decode(found?.body))).toEqual(earlier);
  expect((await stored())?.bootId).toBe("b-2");
});

test("a record that cannot be kept holds up nothing", async () => {
  recorder().identify(identity);
  await settle();
  const errors: unknown[] = [];
  const store: ObjectStore = {
    ...local.store,
    put: (key, ...rest) =>
      key.startsWith(keys.historyPrefix) ? Promise.reject(new Error("no")) : local.store.put(key, ...rest),
  };
  recorder(store, errors, "b-2").identify(identity);
  await settle();
  expect((await stored())?.bootId).toBe("b-2");
  expect(errors).toHaveLength(1);
});

test("another process of the same boot goes on with the record", async () => {
  const first = recorder();
  first.identify(identity);
  first.observe("boot").started(start("app"));
  first.observe("boot").done("app");
  first.event("the boot is over");
  await settle();
  const left = first.value;
  if (left === undefined) throw new Error("there is no record");
  first.close();

  const next = recorder();
  next.resume(JSON.parse(JSON.stringify(left)));
  next.event("watching");
  await settle();
  const record = await stored();
  expect(record?.steps).toEqual(left.steps);
  expect(record?.started).toBe(left.started);
  expect(record?.events?.map((e) => e.text)).toEqual(["the boot is over", "watching"]);
});
