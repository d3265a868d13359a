/** A boot of a site that keeps its state: what comes before what, and who may write (STATE §5). */
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { bootSteps } from "../../../agent/boot/steps.ts";
import { takeSite } from "../../../agent/ownership/claim.ts";
import { TAKING } from "../../../agent/ownership/state-swap.ts";
import { updateDocument } from "../../../agent/site/document.ts";
import { deployDocument } from "../../../agent/site/documents/deploy-state.ts";
import { siteDocument } from "../../../agent/site/documents/site-state.ts";
import { IdleClock } from "../../provisioner/deploy/idle-clock.ts";
import { bootConfigOf } from "../boot-config.ts";
import { DOMAIN, TestInstance } from "../machine/instance.ts";
import { PaperLog, PaperState } from "../machine/paper-state.ts";
import { runSteps } from "./run-steps.ts";

const ME = "i-00000001";
const OTHER = "i-00000002";
const launched = new Date("2026-11-21T11:00:00Z");
const config = bootConfigOf({
  domain: DOMAIN,
  app: { timeout: 1, beforeStart: ["migrate"] },
  state: {
    ...{ database: ["db.sqlite3"], mediaUrl: "/media/", durability: "fast" },
    ...{ budget: 3, history: "7d", pause: 10 },
  },
});

let on: TestInstance;
let clock: IdleClock;
let state: PaperState;
beforeEach(async () => {
  clock = new IdleClock();
  on = await TestInstance.open(() => clock.now());
  on.fleet.add(ME, launched);
  await on.publish("r1");
  await on.setChannel({ candidate: { id: "r1", attempts: [] } });
  state = new PaperState(ME, new PaperLog());
  on.state = state;
});
afterEach(async () => {
  await on.close();
  clock.stop();
});

/** One run of all steps, with nothing told of what was before. */
async function boot() {
  state.done.length = 0;
  on.apps.log.length = 0;
  return runSteps(on, clock, ME, config);
}

/** Another instance claims the site, or has it. */
const another = (
  epoch: number,
  is: "claiming" | "serving",
  more: { launched?: Date; since?: Date; release?: string } = {},
) =>
  updateDocument(on.local.store, siteDocument, () => ({
    ...{ version: 1 as const, epoch, owner: OTHER, address: "203.0.113.2", privateAddress: "127.0.0.2" },
    launched: (more.launched ?? new Date(launched.getTime() + 60_000)).toISOString(),
    since: (more.since ?? new Date(clock.now())).toISOString(),
    ...(more.release !== undefined && { release: more.release }),
    state: is,
  }));

test("the site is claimed, then its data is brought, then the app runs, then it is open, then the records move", async () => {
  const seen: string[] = [];
  state.before = async (what) => {
    const site = await on.site();
    const started = on.apps.log.filter((line) => line.startsWith("start")).length;
    seen.push(
      `${what}: ${site?.state ?? "no claim"}, ${started} started, ${(await on.address()) ?? "nowhere"}`,
    );
  };
  const { outcome, step } = await boot();
  expect(seen).toEqual([
    "take over 1: claiming, 0 started, nowhere",
    "start 1: claiming, 0 started, nowhere",
    "open: claiming, 2 started, nowhere",
  ]);
  expect(outcome).toMatchObject({ epoch: 1, release: "r1" });
  expect(await on.address()).toEqual(["203.0.113.1"]);
  expect(await on.site()).toMatchObject({ owner: ME, state: "serving" });
  expect(step("state")?.detail).toBe("nothing yet, from 1 entries; epoch 1");
  expect(step("prepare")?.needs).toContain("state");
});

test("an agent that is restarted goes on with what runs: nothing is taken over again", async () => {
  await boot();
  const { outcome } = await boot();
  expect(state.done).toEqual(["start 1", "open"]);
  expect(outcome).toMatchObject({ epoch: 1 });
});

test("a reboot keeps the epoch and the disk, and the app waits for what keeps its data", async () => {
  await boot();
  await on.apps.end("r1");
  state.reboot();
  const { outcome } = await boot();
  expect(state.done).toEqual(["start 1", "open"]);
  expect(outcome).toMatchObject({ epoch: 1 });
});

test.each([
  ["in the log nobody was open since", 1, ["go back 3", "start 3", "open"]],
  ["another was open since", 2, ["go back 3", "take over 3", "start 3", "open"]],
])("an instance that was rebooted when it had sealed takes another epoch; %s", async (_, opened, done) => {
  await boot();
  await state.seal();
  await on.apps.end("r1");
  state.reboot();
  // Another fenced, and is gone.
  await another(2, "claiming", { launched: new Date(0) });
  Object.assign(state.log, { epoch: 2, opened });
  const { outcome } = await boot();
  expect(state.done).toEqual(done);
  expect(outcome).toMatchObject({ epoch: 3 });
  expect(await on.site()).toMatchObject({ owner: ME, epoch: 3, state: "serving" });
});

test("sealed, and no one came: its own epoch is over all the same", async () => {
  await boot();
  await state.seal();
  await on.apps.end("r1");
  state.reboot();
  expect((await boot()).outcome).toMatchObject({ epoch: 2 });
  expect(state.done).toEqual(["go back 2", "start 2", "open"]);
});

test("where another has the site the boot ends there: no app runs on data that is not the site's", async () => {
  on.fleet.add(OTHER, new Date(launched.getTime() + 60_000));
  await another(4, "serving");
  const { outcome, step } = await boot();
  expect(outcome).toMatchObject({ epoch: undefined, release: "r1" });
  expect(step("claim")?.detail).toBe(`${OTHER} has the site`);
  expect(step("state")).toBeUndefined();
  expect(on.apps.log).toEqual([]);
  expect(state.done).toEqual(["stop"]);
});

test("a claim that has not come to serve after two minutes is no obstacle, though its instance runs", async () => {
  on.fleet.add(OTHER, new Date(launched.getTime() + 60_000));
  await another(4, "claiming", { since: new Date(clock.now() - 60_000) });
  expect((await boot()).outcome).toMatchObject({ epoch: undefined });
  await another(4, "claiming", { since: new Date(clock.now() - 121_000) });
  expect((await boot()).outcome).toMatchObject({ epoch: 5 });
});

test("an epoch that the log has seen, and site.json has not, is passed over", async () => {
  state.log.epoch = 7;
  const { outcome } = await boot();
  expect(state.done).toEqual(["take over 1", "take over 8", "start 8", "open"]);
  expect(outcome).toMatchObject({ epoch: 8 });
});

test("who is fenced before it is open serves no one: the records stay, and the app ends", async () => {
  state.before = (what) => {
    if (what === "open") state.log.epoch = 9;
  };
  const { outcome } = await boot();
  expect(outcome).toMatchObject({ epoch: undefined });
  expect(state.done.at(-1)).toBe("stop");
  expect(await on.address()).toBeUndefined();
  expect(await on.site()).toMatchObject({ state: "claiming" });
});

test.each(["it is sealed", "a later owner has the log"])(
  "a release is not to blame for an app that fails when %s",
  async (why) => {
    on.apps.answers.set("r1", 503);
    const units = on.apps.units;
    const start = units.start;
    units.start = async (unit, ...rest) => {
      await start(unit, ...rest);
      if (!unit.startsWith("everspot-app@")) return;
      if (why === "it is sealed") state.mayRun = false;
      else state.log.epoch = 9;
    };
    const { failure } = await boot();
    expect(failure).toMatchObject({ step: "healthy", blame: undefined });
    units.start = start;
    state.log.epoch = 1;
    expect((await boot()).failure).toMatchObject({ blame: expect.stringContaining("healthy") });
  },
);

test("two instances never hold the site's data at once: the one that claims later has the higher epoch", async () => {
  await boot();
  const me = { instance: OTHER, address: "203.0.113.2", privateAddress: "10.0.0.2", release: "r1" };
  const how = on.agent(clock, OTHER, config).machine;
  on.fleet.add(OTHER, new Date(launched.getTime() + 60_000));
  const taken = await takeSite(
    { ...me, launched: new Date(launched.getTime() + 60_000) },
    { ...how, domain: DOMAIN, aliases: [], ttl: 60 },
  );
  expect(taken).toMatchObject({ owner: true, epoch: 2 });
  expect((await boot()).outcome).toMatchObject({ epoch: undefined });
});

/** Another instance, older than this one, has the site and serves. */
async function served(): Promise<void> {
  on.fleet.add(OTHER, new Date(launched.getTime() - 60_000));
  await another(4, "serving", { launched: new Date(launched.getTime() - 60_000), release: "r0" });
  state.log.epoch = 4;
}

test("the steps are those of the list, in its order", async () => {
  const { machine, recorder } = on.agent(clock, ME, config);
  const names = bootSteps(machine, recorder).all.map((one) => one.name);
  recorder.close();
  expect(names.filter((name) => (TAKING as readonly string[]).includes(name))).toEqual(TAKING);
});

test("where visitors would wait, the release is rehearsed on a copy before the site is claimed", async () => {
  await served();
  const seen: string[] = [];
  const { units } = on.apps;
  const { start, lines } = units;
  units.start = async (unit, ...rest) => {
    seen.push(`${unit}: ${(await on.site())?.owner}`);
    return start(unit, ...rest);
  };
  units.lines = async () => ["@ 0 17 4", "@ 900 17 4"];
  const { outcome, failure, step } = await boot();
  Object.assign(units, { start, lines });
  expect(failure).toBeUndefined();
  // It wrote nothing: no one waits for it once more.
  expect(seen).toEqual([
    `everspot-prepare@rehearsal.service: ${OTHER}`,
    `everspot-app@rehearsal.service: ${OTHER}`,
    `everspot-app@r1.service: ${ME}`,
  ]);
  expect(on.apps.running).toEqual(["r1"]);
  expect(step("rehearsal")?.detail).toMatch(
    /^before_start writes nothing; what visitors wait for takes 0\.\d s on a copy$/,
  );
  expect(step("prepare")?.detail).toBe("nothing that the rehearsal left");
  expect(step("ask")?.detail).toBe(`${OTHER} did not seal in time`);
  expect(state.done).toContain("try r1");
  expect(outcome).toMatchObject({ epoch: 5 });
}, 30_000);

test("what a release tried on the data before this boot's is taken back, unless it is tried again", async () => {
  await boot();
  state.tried = "r1";
  await boot();
  expect(state.done).toEqual(["start 1", "open"]);
  expect(state.tried).toBeUndefined();
  state.tried = "r0";
  await boot();
  expect(state.done).toEqual(["take back r0", "start 1", "open"]);
});

test("one that is to bring what it has written is waited for as long as visitors may be held, and never fenced off", async () => {
  await served();
  const now = new Date(clock.now()).toISOString();
  await updateDocument(on.local.store, deployDocument, () => ({
    ...{
      version: 3 as const,
      id: "d",
      kind: "swap" as const,
      by: "ann",
      state: "running" as const,
      step: "boot",
    },
    ...{ started: now, heartbeat: now, pause: 1, takes: config.state },
  }));
  const { failure, step } = await boot();
  expect(failure?.message).toBe(`${OTHER} did not bring what it has written within 1 s`);
  expect(step("ask")?.state).toBe("failed");
  expect(state.done).not.toContain("start 5");
});

test("a release that fails on the copy makes no one wait: the site is not claimed", async () => {
  await served();
  on.apps.answers.set("rehearsal", 500);
  const { failure } = await boot();
  expect(failure).toMatchObject({ step: "rehearsal", blame: expect.stringContaining("rehearsal") });
  expect(await on.site()).toMatchObject({ owner: OTHER, epoch: 4, state: "serving" });
  expect(state.done).toEqual([]);
  expect(on.apps.running).toEqual([]);
});

test("a before_start that takes longer than visitors may be held is refused, with its time and what would do", async () => {
  await served();
  const { units } = on.apps;
  const start = units.start;
  let slow = 10_100;
  vi.spyOn(performance, "now").mockImplementation(() => slow);
  units.start = async (unit, ...rest) => {
    if (unit.startsWith("everspot-prepare@")) slow += 10_100;
    return start(unit, ...rest);
  };
  const { failure } = await boot();
  vi.restoreAllMocks();
  units.start = start;
  expect(failure?.message).toContain("what visitors wait for takes 11 s on a copy");
  expect(failure?.message).toContain("they may be held for 10 s");
  expect(failure?.hint).toContain("--pause 30");
  expect(await on.site()).toMatchObject({ owner: OTHER, state: "serving" });
});
