import { pino } from "pino";
import { afterEach, beforeEach, expect, test } from "vitest";
import { untilNeeded } from "../../../agent/boot/spare.ts";
import type { Identity } from "../../../agent/identity/identity.ts";
import { updateDocument } from "../../../agent/site/document.ts";
import { type DeployState, deployDocument } from "../../../agent/site/documents/deploy-state.ts";
import { type SiteState, siteDocument } from "../../../agent/site/documents/site-state.ts";
import { ManualClock } from "../../cloud/manual-clock.ts";
import { Traffic } from "../../cloud/traffic.ts";
import { TestFleet } from "../handover/fleet.ts";
import { type LocalS3, startS3 } from "../site/s3.ts";

const log = pino({ level: "silent" });
const identity = { instance: "i-00000002" } as Identity;

let clock: ManualClock;
let traffic: Traffic;
let local: LocalS3;
let peers: TestFleet;
let stop: AbortController;
beforeEach(async () => {
  clock = new ManualClock(Date.now());
  traffic = new Traffic();
  local = await startS3({ now: () => clock.now() });
  peers = new TestFleet();
  peers.add("i-00000001", new Date(clock.now() - 3_600_000));
  stop = new AbortController();
});
afterEach(async () => {
  traffic.stop();
  await local.close();
});

const time = () => new Date(clock.now()).toISOString();
const deploy = (kind: DeployState["kind"], state: DeployState["state"]) =>
  updateDocument(
    local.store,
    deployDocument,
    (): Omit<DeployState, "nonce"> => ({
      version: 1,
      id: "d-1",
      by: "ann@laptop",
      step: "boot",
      started: time(),
      heartbeat: time(),
      ...{ kind, state },
    }),
  );
const owner = (instance: string) =>
  updateDocument(
    local.store,
    siteDocument,
    (): Omit<SiteState, "nonce"> => ({
      version: 1,
      epoch: 1,
      owner: instance,
      address: "203.0.113.1",
      privateAddress: "10.0.0.1",
      launched: time(),
      since: time(),
      state: "serving",
    }),
  );

/** Whether it still waits after a while, during which only `during` happened. */
async function waits(during: () => Promise<unknown> = async () => {}): Promise<boolean> {
  let over = false;
  const waiting = untilNeeded({ clock, identity, peers, store: local.store }, log, stop.signal).then(
    () => {
      over = true;
    },
    () => {},
  );
  await traffic.quiet();
  await during();
  for (let i = 0; i < 4 && !over; i++) {
    await clock.advance(5_000);
    await traffic.quiet();
  }
  stop.abort(new Error("end of the test"));
  await waiting;
  return !over;
}
test("in a swap a machine whose release failed waits while another one serves", async () => {
  await owner("i-00000001");
  await deploy("swap", "running");
  expect(await waits()).toBe(true);
});

test("it goes on when the deploy is over and no one ended it", async () => {
  await owner("i-00000001");
  await deploy("swap", "running");
  expect(await waits(() => deploy("swap", "failed"))).toBe(false);
});

test("it goes on when the other one is gone", async () => {
  await owner("i-00000001");
  await deploy("swap", "running");
  const gone = async () => {
    peers.peers = peers.peers.map((p) => ({ ...p, alive: false }));
  };
  expect(await waits(gone)).toBe(false);
});

test("without a swap, or as the owner, it does not wait at all", async () => {
  await owner("i-00000001");
  expect(await waits()).toBe(false);
  stop = new AbortController();
  await deploy("in-place", "running");
  expect(await waits()).toBe(false);
  stop = new AbortController();
  await deploy("swap", "running");
  await owner("i-00000002");
  expect(await waits()).toBe(false);
});

test("one answer of EC2 that does not know the other one is no reason to go on", async () => {
  await owner("i-00000001");
  await deploy("swap", "running");
  let asked = 0;
  peers.find = async (instance) =>
    ++asked % 2 === 1 ? undefined : peers.peers.find((p) => p.instance === instance);
  expect(await waits()).toBe(true);
  expect(asked).toBeGreaterThan(1);
});
