import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import { pino } from "pino";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import type { Booted } from "../../../agent/boot/boot.ts";
import { onDuty } from "../../../agent/duty/on-duty.ts";
import { isInMaintenance } from "../../../agent/machine/maintenance.ts";
import { claimSite } from "../../../agent/ownership/claim.ts";
import { readDocument, updateDocument } from "../../../agent/site/document.ts";
import { type DeployState, deployDocument } from "../../../agent/site/documents/deploy-state.ts";
import { maintenanceDocument } from "../../../agent/site/documents/maintenance.ts";
import { yieldDocument } from "../../../agent/site/jobs/yield.ts";
import { ring } from "../../../agent/site/runs/bell.ts";
import { pointLink } from "../../../agent/system/files.ts";
import type { BootConfig } from "../../../user-data/boot-config.ts";
import { ManualClock } from "../../cloud/manual-clock.ts";
import { Traffic } from "../../cloud/traffic.ts";
import { bootConfigOf } from "../boot-config.ts";
import { DOMAIN, stored, TestInstance } from "../machine/instance.ts";

const ME = "i-00000001";
const OTHER = "i-00000009";
const log = pino({ level: "silent" });

let on: TestInstance;
let clock: ManualClock;
let traffic: Traffic;
let launched: Date;
let stop: AbortController;
let ended: Promise<void> | undefined;
beforeEach(async () => {
  clock = new ManualClock(Date.now());
  launched = new Date(clock.now() - 60_000);
  traffic = new Traffic();
  stop = new AbortController();
  ended = undefined;
  on = await TestInstance.open(() => clock.now());
  on.fleet.add(ME, launched);
  for (const id of ["r1", "r2"]) await on.publish(id);
  await on.setChannel({ current: "r1" });
  await serve("r1");
});
afterEach(async () => {
  stop.abort(new Error("end of the test"));
  await ended?.catch(() => undefined);
  await on.close();
  traffic.stop();
});

/** As a boot leaves it. */
async function serve(id: string): Promise<void> {
  const folder = join(on.apps.folder, "releases", id);
  await mkdir(folder, { recursive: true });
  await on.apps.begin(id);
  await pointLink(on.apps.links.release, folder);
  await pointLink(on.apps.links.socket, on.apps.socketOf(id));
}

const claim = async (instance: string, launched: Date, ttl = 60) => {
  const where = { address: "203.0.113.9", privateAddress: "127.0.0.1", release: "r1" };
  const me = instance === ME ? { ...where, address: "203.0.113.1" } : where;
  const made = await claimSite(
    { instance, launched, ...me },
    { store: on.local.store, zone: on.zone, peers: on.fleet, clock, domain: DOMAIN, aliases: [], ttl },
  );
  if (!made.owner) throw new Error(`${instance} did not get the site`);
  return made.epoch;
};

/** Goes on duty after a boot that took the site over, unless told otherwise. */
async function begin(booted: Partial<Booted> = {}, bridge = false, worker?: BootConfig["worker"]) {
  const epoch = "epoch" in booted ? booted.epoch : await claim(ME, launched, booted.ttl);
  const base = bootConfigOf({ domain: DOMAIN, app: { timeout: 1 } });
  const config = { ...base, worker, fleet: { ...base.fleet, bridge } };
  const { machine, recorder } = on.agent(clock, ME, config);
  recorder.identify(machine.identity);
  recorder.change({ release: "r1", state: epoch === undefined ? "standby" : "serving" });
  recorder.certificate(stored);
  const usual = { launched, release: "r1", replaced: undefined, ttl: 60, attempt: 1, trusted: true };
  const all: Booted = { ...usual, ...booted, epoch };
  ended = onDuty(machine, recorder, all, log, stop.signal);
  ended.catch(() => undefined);
  return {
    recorder,
    record: () => recorder.value,
    events: () => (recorder.value?.events ?? []).map((e) => e.text),
  };
}

/** Time passes in steps, between which requests over real sockets are answered. */
async function until(holds: () => boolean | Promise<boolean>, seconds = 1): Promise<void> {
  for (let i = 0; i < 400 && !(await holds()); i++) {
    await clock.advance(seconds * 1000);
    await traffic.quiet();
  }
  expect(await holds()).toBe(true);
}

const deploy = (kind: DeployState["kind"], state: DeployState["state"], release?: string) =>
  updateDocument(
    on.local.store,
    deployDocument,
    (): Omit<DeployState, "nonce"> => ({
      ...{ version: 1, id: "d-1", by: "ann@laptop", step: "boot", kind, state },
      ...(release === undefined ? {} : { release }),
      started: new Date(clock.now()).toISOString(),
      heartbeat: new Date(clock.now() + 3_600_000).toISOString(),
    }),
  );

test("a release that serves through its soak is the last known good, and the duty ends when it is asked to", async () => {
  const { record } = await begin({ replaced: OTHER });
  await until(async () => (await on.channel())?.lastKnownGood === "r1", 10);
  expect(clock.now() - launched.getTime()).toBeGreaterThan(300_000);
  expect(record()?.state).toBe("serving");
  expect(on.notices).toContainEqual({ kind: "healed", text: `${ME} took over from ${OTHER} (epoch 1)` });
  stop.abort(new Error("SIGTERM"));
  await ended;
});

test("an interruption: a second instance is asked for, the records become easy to move, and a last word is said", async () => {
  const { events } = await begin({}, true);
  await until(async () => (await on.site())?.owner === ME);
  // Time enough for a bridge.
  const time = new Date(clock.now() + 70_000).toISOString();
  on.metadata.set("meta-data/spot/instance-action", JSON.stringify({ action: "terminate", time }));
  await until(() => on.fleet.asked.length > 0);
  expect(on.done).toContain("hurry the log");
  expect(on.fleet.asked[0]).toEqual({ total: 2 });
  await until(async () => (await on.zone.find(DOMAIN, "A"))?.ttl === 5);
  // No spot capacity, and the configuration allows a bridge.
  await until(() => on.fleet.asked.length > 1);
  expect(on.fleet.asked[1]).toEqual({ bridge: 1 });
  await until(() => events().includes("AWS takes this instance now"));
  expect(clock.now()).toBeLessThan(Date.parse(time) - 2_000);
});

describe("a worker", () => {
  const queue = { run: "celery worker", stop: 5 };
  const begun = () => on.done.filter((done) => done === "begin everspot-worker-queue@r1.service").length;

  test("runs while the site is here, and ends when another instance asks for it, which is told so", async () => {
    const { events } = await begin({}, false, { queue });
    await until(() => begun() > 0);
    const asked = new Date(clock.now()).toISOString();
    await updateDocument(on.local.store, yieldDocument, () => ({
      ...{ version: 1, id: "y-1", by: OTHER, of: ME, asked },
    }));
    await ring(on.local.store, clock);
    await until(async () => (await readDocument(on.local.store, yieldDocument)).value?.stopped !== undefined);
    expect(events()).toContain(`jobs and workers end here: ${OTHER} is about to take the site over`);
    const before = begun();
    let looks = 0;
    await until(() => ++looks > 60);
    expect(begun()).toBe(before);
    // The other one did not come.
    await until(() => begun() > before, 10);
  });

  test("of the old release ends before one in place begins, and comes back with that", async () => {
    await begin({}, false, { queue });
    await until(() => begun() > 0);
    await on.setChannel({ current: "r1", candidate: { id: "r2", attempts: [] } });
    await deploy("in-place", "running", "r2");
    await until(() => on.done.includes("begin everspot-worker-queue@r2.service"));
    expect((await on.site())?.release).toBe("r2");
    expect(on.done.at(-1)).toBe("begin everspot-worker-queue@r2.service");
  });

  test("ends in time before AWS takes the instance, and does not begin again", async () => {
    await begin({}, false, { queue });
    await until(() => begun() > 0);
    const at = clock.now() + 45_000;
    const action = { action: "terminate", time: new Date(at).toISOString() };
    on.metadata.set("meta-data/spot/instance-action", JSON.stringify(action));
    await until(() => clock.now() > at - 21_000);
    const before = begun();
    await until(() => clock.now() > at + 60_000, 5);
    expect(begun()).toBeLessThanOrEqual(before + 1);
    const late = begun();
    await until(() => clock.now() > at + 300_000, 10);
    expect(begun()).toBe(late);
  });
});

test("a rebalance recommendation asks once, and no bridge; after an interruption it says nothing new", async () => {
  await begin();
  const noticeTime = new Date(clock.now()).toISOString();
  on.metadata.set("meta-data/events/recommendations/rebalance", JSON.stringify({ noticeTime }));
  await until(() => on.fleet.asked.length > 0);
  await until(async () => (await on.zone.find(DOMAIN, "A"))?.ttl === 5);
  let looks = 0;
  await until(() => ++looks > 60);
  expect(on.fleet.asked).toEqual([{ total: 2 }]);
});

test("another owner: this one stands by, and takes the site back when the other is gone", async () => {
  const { record, events } = await begin();
  const later = new Date(launched.getTime() + 30_000);
  on.fleet.add(OTHER, later);
  await claim(OTHER, later);
  await until(() => record()?.state === "standby");
  expect(events()).toContain(`${OTHER} took the site over (epoch 2)`);
  expect(await on.address()).toEqual(["203.0.113.9"]);

  on.fleet.peers = on.fleet.peers.map((p) => (p.instance === OTHER ? { ...p, alive: false } : p));
  await until(async () => (await on.site())?.owner === ME);
  await until(() => record()?.state === "serving");
  expect(record()).toMatchObject({ epoch: 3, release: "r1" });
  expect(await on.address()).toEqual(["203.0.113.1"]);
});

test("a boot that did not get the site leaves the records alone", async () => {
  const later = new Date(launched.getTime() + 30_000);
  on.fleet.add(OTHER, later);
  await claim(OTHER, later);
  const { record } = await begin({ epoch: undefined });
  let looks = 0;
  await until(() => ++looks > 30);
  expect(record()?.state).toBe("standby");
  expect(await on.site()).toMatchObject({ owner: OTHER, epoch: 1 });
  expect(on.notices).toEqual([]);
});

test("a deploy in place is carried out once, and the site says what serves", async () => {
  const { record } = await begin();
  await on.setChannel({ current: "r1", candidate: { id: "r2", attempts: [] } });
  await deploy("in-place", "running", "r2");
  await until(async () => (await on.site())?.release === "r2");
  expect(await on.apps.visit()).toEqual({ status: 200, release: "r2" });
  expect(await on.channel()).toMatchObject({ current: "r2", previous: "r1" });
  expect(record()?.inPlace).toMatchObject({ deploy: "d-1", release: "r2", state: "done" });
  expect(record()?.release).toBe("r2");
  expect(on.apps.running).toEqual(["r2"]);
});

test("a swap under way keeps the records easy to move from the first moment, and ends", async () => {
  await deploy("swap", "running");
  await begin({ replaced: OTHER, ttl: 5 });
  let looks = 0;
  await until(() => ++looks > 20);
  expect((await on.zone.find(DOMAIN, "A"))?.ttl).toBe(5);
  // It is the deploy's news, not the agent's.
  expect(on.notices.map((n) => n.kind)).not.toContain("healed");
  await deploy("swap", "done");
  await until(async () => (await on.zone.find(DOMAIN, "A"))?.ttl === 60);
});

test("an app that fails is restarted, then replaced by the release before it, while no deploy is under way", async () => {
  await serve("r2");
  await on.setChannel({ current: "r2", previous: "r1" });
  const { events } = await begin({ release: "r2" });
  on.apps.answers.set("r2", 500);
  await until(() => on.apps.log.includes("start everspot-app@r2.service"));
  expect(events().some((e) => e.includes("restarting it"))).toBe(true);
  await until(async () => (await on.apps.visit()).release === "r1");
  await until(() => events().includes("serves r1 again"));
  expect(await on.channel()).toMatchObject({ current: "r1", quarantined: [{ id: "r2" }] });
});

test("maintenance begins when the operator says so, and an app that fails meanwhile is left alone until it ends", async () => {
  const { events } = await begin();
  const maintain = (by: string, state: boolean) =>
    updateDocument(on.local.store, maintenanceDocument, () => ({
      ...{ version: 1 as const, since: new Date(clock.now()).toISOString(), by, on: state, allow: [] },
    }));
  await maintain("ann@laptop", true);
  await until(() => isInMaintenance(on.apps.maintenance));
  expect(events()).toContain("maintenance is on, by ann@laptop");
  on.apps.answers.set("r1", 500);
  await until(() => events().filter((e) => e.startsWith("the app has been failing")).length > 2, 10);
  expect(on.apps.log).toEqual([]);
  await maintain("ann@laptop", false);
  await until(async () => !(await isInMaintenance(on.apps.maintenance)));
  await until(() => on.apps.log.includes("start everspot-app@r1.service"), 5);
});

test("an app that nothing cures has the machine replaced, once", async () => {
  await on.setChannel({ current: "r1", lastKnownGood: "r1" });
  await begin();
  on.apps.answers.set("r1", 500);
  await until(() => on.fleet.asked.length > 0);
  let looks = 0;
  await until(() => ++looks > 30, 10);
  expect(on.fleet.asked).toEqual([{ total: 2 }]);
  expect(on.notices.filter((n) => n.kind === "replacing")).toHaveLength(1);
});

test("EC2 that does not know the instance yet is asked again; without a fleet no one is asked for another one", async () => {
  const { peers } = on.fleet;
  on.fleet.peers = [];
  await claim(ME, launched);
  const { record } = await begin({ epoch: 1 });
  await clock.advance(20_000);
  expect(record()?.events).toBeUndefined();
  on.fleet.peers = peers.map((p) => ({ ...p, fleet: undefined }));
  const time = new Date(clock.now() + 120_000).toISOString();
  on.metadata.set("meta-data/spot/instance-action", JSON.stringify({ action: "terminate", time }));
  await until(() => (record()?.events ?? []).some((e) => e.text.startsWith("AWS will terminate")));
  await until(async () => (await on.zone.find(DOMAIN, "A"))?.ttl === 5);
  expect(on.fleet.asked).toEqual([]);
});

test("a certificate that no one trusts, and an order that fails, are reported to the operator", async () => {
  await begin({ trusted: false });
  const told = () => on.notices.filter((n) => n.kind === "certificate").map((n) => n.text);
  await until(() => told().length > 1);
  expect(told()[0]).toBe("there is no certificate that visitors trust: the site is served over plain HTTP");
  expect(told()[1]).toMatch(/^the certificate: /);
});
