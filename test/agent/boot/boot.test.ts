import { pino } from "pino";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { boot } from "../../../agent/boot/boot.ts";
import { bootSteps } from "../../../agent/boot/steps.ts";
import { alertsDocument } from "../../../agent/site/alerts/alerts.ts";
import { readDocument, updateDocument } from "../../../agent/site/document.ts";
import { deployDocument } from "../../../agent/site/documents/deploy-state.ts";
import { siteDocument } from "../../../agent/site/documents/site-state.ts";
import { JumpingClock } from "../certificate/fixture.ts";
import { TestInstance } from "../machine/instance.ts";

const ME = "i-00000001";
const log = pino({ level: "silent" });

/** No one waits. */
class Clock extends JumpingClock {
  override time = Date.now();
  override async sleep(ms: number, signal?: AbortSignal): Promise<void> {
    signal?.throwIfAborted();
    await super.sleep(ms);
  }
}

let on: TestInstance;
let clock: Clock;
let stop: AbortController;
beforeEach(async () => {
  clock = new Clock();
  stop = new AbortController();
  on = await TestInstance.open();
  on.fleet.add(ME, new Date());
  for (const id of ["r1", "r2"]) await on.publish(id);
});
afterEach(async () => {
  stop.abort();
  await on.close();
});

/** Boots; `failed` is called after each try that failed, with the record as it is then. */
async function start(failed: (attempt: number) => Promise<void> | void = () => {}) {
  const { machine, recorder } = on.agent(clock, ME);
  const { candidates } = machine;
  const tries: { attempt: number; blame: string | undefined; pause: number }[] = [];
  const news = candidates.news.bind(candidates);
  candidates.news = async (seconds, signal) => {
    const { attempt = 0, blame } = recorder.value ?? {};
    tries.push({ attempt, blame, pause: seconds });
    await failed(attempt);
    return news(seconds, signal);
  };
  try {
    const booted = await boot(machine, () => bootSteps(machine, recorder), recorder, log, stop.signal);
    return { booted, tries, record: recorder.value };
  } finally {
    recorder.close();
  }
}

test("a boot that goes well serves at the first try", async () => {
  await on.setChannel({ candidate: { id: "r1", attempts: [] } });
  const { booted, record } = await start();
  expect(booted).toMatchObject({ release: "r1", epoch: 1, attempt: 1, replaced: undefined });
  expect(record).toMatchObject({ state: "serving", attempt: 1 });
  expect(on.notices).toEqual([]);
});

test("a candidate whose app fails twice is quarantined, and the release before serves", async () => {
  await on.setChannel({ current: "r1", candidate: { id: "r2", attempts: [] } });
  on.apps.answers.set("r2", "ends");
  const { booted, tries, record } = await start();
  expect(booted).toMatchObject({ release: "r1", attempt: 3 });
  expect(tries).toEqual([
    { attempt: 1, blame: "app: the app does not start", pause: 2 },
    { attempt: 2, blame: "app: the app does not start", pause: 5 },
  ]);
  expect(await on.channel()).toMatchObject({
    current: "r1",
    quarantined: [{ id: "r2", reason: "app: the app does not start" }],
  });
  expect(record).toMatchObject({ state: "serving", attempt: 3, release: "r1" });
  expect(record?.blame).toBeUndefined();
  expect(on.notices[0]).toEqual({
    kind: "boot-failed",
    text: `a boot of ${ME} failed: app: the app does not start`,
  });
  // Each try opens the front door, and after each that failed the 503 page does.
  expect(on.done).toHaveLength(5);
});

const alerts = async () => (await readDocument(on.local.store, alertsDocument)).value?.alerts ?? [];

test("a boot that fails is reported until one has booted", async () => {
  await on.setChannel({ candidate: { id: "r1", attempts: [] } });
  on.apps.answers.set("r1", "ends");
  await start(() => stop.abort()).catch(() => undefined);
  await vi.waitFor(async () => expect(await alerts()).toMatchObject([{ kind: "boot-failed", said: true }]));
});

test("one that fails in a deploy is the deploy's: nothing of it lasts", async () => {
  await updateDocument(on.local.store, deployDocument, () => ({
    ...{ version: 1, id: "d", by: "ann", step: "boot", kind: "swap" as const, state: "running" as const },
    ...{ started: new Date().toISOString(), heartbeat: new Date().toISOString() },
  }));
  await on.setChannel({ candidate: { id: "r1", attempts: [] } });
  on.apps.answers.set("r1", "ends");
  await start(() => stop.abort()).catch(() => undefined);
  await vi.waitFor(() => expect(on.notices).toMatchObject([{ kind: "boot-failed" }]));
  expect(await alerts()).toEqual([]);
});

test("without a release it keeps trying, ever less often, shows a 503 page, and takes the first that comes", async () => {
  await on.setChannel({});
  const { booted, tries } = await start(async (attempt) => {
    if (attempt === 7) await on.setChannel({ candidate: { id: "r1", attempts: [] } });
  });
  expect(booted).toMatchObject({ release: "r1", attempt: 8 });
  expect(on.done.filter((what) => what === "open stored").length).toBeGreaterThanOrEqual(8);
  expect(tries.map((t) => t.pause)).toEqual([2, 5, 10, 20, 30, 30, 30]);
});

test("trouble that is not the release's does not cost it a try", async () => {
  await on.setChannel({ current: "r1", candidate: { id: "r2", attempts: [] } });
  const secrets = on.secrets;
  on.secrets = async () => {
    throw new Error("SSM: 503");
  };
  const { booted, tries } = await start((attempt) => {
    if (attempt === 3) on.secrets = secrets;
  });
  expect(tries.map((t) => t.blame)).toEqual([undefined, undefined, undefined]);
  expect(booted).toMatchObject({ release: "r2", attempt: 4 });
  expect((await on.channel())?.quarantined).toEqual([]);
});

test("a candidate that the bucket does not show is not condemned for it, and serves once it does", async () => {
  await on.setChannel({ candidate: { id: "r3", attempts: [] } });
  const { booted, tries } = await start(async (attempt) => {
    if (attempt === 3) await on.publish("r3");
  });
  expect(tries.map((t) => t.blame)).toEqual([undefined, undefined, undefined]);
  expect(booted).toMatchObject({ release: "r3" });
  expect((await on.channel())?.quarantined).toEqual([]);
});

test("what served before serves meanwhile, and the candidate stays one", async () => {
  await on.setChannel({ current: "r1", candidate: { id: "r3", attempts: [] } });
  const { booted } = await start();
  expect(booted).toMatchObject({ release: "r1", attempt: 3 });
  expect(await on.channel()).toMatchObject({ current: "r1", candidate: { id: "r3", attempts: [] } });
});

test("a machine that is not the owner is on standby", async () => {
  await on.setChannel({ current: "r1" });
  const since = new Date().toISOString();
  on.fleet.add("i-00000009", new Date(Date.now() + 60_000));
  await updateDocument(on.local.store, siteDocument, () => ({
    ...{
      version: 1 as const,
      epoch: 4,
      owner: "i-00000009",
      release: "r1",
      since,
      state: "serving" as const,
    },
    ...{ address: "203.0.113.9", privateAddress: "10.0.0.9" },
    launched: new Date(Date.now() + 60_000).toISOString(),
  }));
  const { booted, record } = await start();
  expect(booted).toMatchObject({ release: "r1", epoch: undefined, replaced: undefined });
  expect(record?.state).toBe("standby");
});

test("asked to stop, it ends with that reason, in the middle of a step and in a pause", async () => {
  await on.setChannel({});
  const reason = new Error("SIGTERM");
  await expect(start(() => stop.abort(reason))).rejects.toBe(reason);

  stop = new AbortController();
  on.certificate = async () => {
    stop.abort(reason);
    throw new Error("cut off");
  };
  await expect(start()).rejects.toBe(reason);
});
