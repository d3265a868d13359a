import { afterEach, beforeEach, expect, test } from "vitest";
import { updateDocument } from "../../../agent/site/document.ts";
import {
  type DeployState,
  deployDocument,
  runningDeploy,
} from "../../../agent/site/documents/deploy-state.ts";
import { siteDocument } from "../../../agent/site/documents/site-state.ts";
import { deployWatcher } from "../../../agent/watch/deploy.ts";
import { ownershipWatcher } from "../../../agent/watch/ownership.ts";
import { ManualClock } from "../../cloud/manual-clock.ts";
import { type LocalS3, startS3 } from "../site/s3.ts";

let clock: ManualClock;
let local: LocalS3;
beforeEach(async () => {
  clock = new ManualClock(Date.now());
  local = await startS3({ now: () => clock.now() });
});
afterEach(() => local.close());

const time = () => new Date(clock.now()).toISOString();
const write = (change: Partial<DeployState>) =>
  updateDocument(
    local.store,
    deployDocument,
    (current): Omit<DeployState, "nonce"> => ({
      version: 1,
      id: "d-1",
      kind: "swap",
      by: "ann@laptop",
      state: "running",
      step: "packing",
      started: time(),
      ...current,
      heartbeat: time(),
      ...change,
    }),
  );

test("a deploy is told when it begins, when it names its release, and when it is over", async () => {
  const watcher = deployWatcher(local.store, clock);
  expect(await watcher.look()).toEqual([]);
  await write({});
  expect(await watcher.look()).toMatchObject([{ kind: "deploy", running: { id: "d-1", kind: "swap" } }]);
  await write({ step: "uploading" });
  expect(await watcher.look()).toEqual([]);
  await write({ release: "r2" });
  expect(await watcher.look()).toMatchObject([{ kind: "deploy", running: { release: "r2" } }]);
  await write({ state: "done" });
  expect(await watcher.look()).toEqual([{ kind: "deploy", running: undefined }]);
  expect(await watcher.look()).toEqual([]);
});

test("a deploy whose holder died is over, though no one wrote that", async () => {
  const watcher = deployWatcher(local.store, clock);
  await write({});
  expect(await watcher.look()).toHaveLength(1);
  await clock.advance(119_000);
  expect(await watcher.look()).toEqual([]);
  expect(await runningDeploy(local.store, clock)).toMatchObject({ id: "d-1" });
  await clock.advance(2_000);
  expect(await watcher.look()).toEqual([{ kind: "deploy", running: undefined }]);
  expect(await runningDeploy(local.store, clock)).toBeUndefined();
});

test("the document is read only when it changed", async () => {
  const watcher = deployWatcher(local.store, clock);
  await write({});
  await watcher.look();
  const before = local.server.calls.length;
  await watcher.look();
  expect(local.server.calls.slice(before).map((call) => call.operation)).toEqual(["HeadObject"]);
});

test("an instance was replaced once another one serves, not while that still takes over", async () => {
  const watcher = ownershipWatcher(local.store, "i-1");
  const own = (owner: string, state: "claiming" | "serving") =>
    updateDocument(local.store, siteDocument, () => ({
      version: 1,
      epoch: 7,
      owner,
      address: "203.0.113.8",
      privateAddress: "10.0.0.8",
      launched: time(),
      since: time(),
      state,
    }));
  expect(await watcher.look()).toEqual([]);
  await own("i-1", "serving");
  expect(await watcher.look()).toEqual([]);
  await own("i-2", "claiming");
  expect(await watcher.look()).toEqual([]);
  await own("i-2", "serving");
  expect(await watcher.look()).toMatchObject([
    { kind: "replaced", by: "i-2", epoch: 7, privateAddress: "10.0.0.8" },
  ]);
  expect(await watcher.look()).toEqual([]);
});
