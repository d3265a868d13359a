import { afterEach, beforeEach, expect, test } from "vitest";
import { readDocument, updateDocument } from "../../../agent/site/document.ts";
import { type DeployState, deployDocument } from "../../../agent/site/documents/deploy-state.ts";
import { siteDocument } from "../../../agent/site/documents/site-state.ts";
import { bellDocument, ring } from "../../../agent/site/runs/bell.ts";
import { bellWatcher, type Pace } from "../../../agent/watch/bell.ts";
import { deployWatcher } from "../../../agent/watch/deploy.ts";
import type { WatchEvent } from "../../../agent/watch/events.ts";
import { ownershipWatcher } from "../../../agent/watch/ownership.ts";
import { ManualClock } from "../../cloud/manual-clock.ts";
import { AwsError } from "../../cloud/wire/server.ts";
import { type LocalS3, startS3 } from "../site/s3.ts";

let clock: ManualClock;
let local: LocalS3;
beforeEach(async () => {
  clock = new ManualClock(Date.now());
  local = await startS3({ now: () => clock.now() });
});
afterEach(() => local.close());

const time = () => new Date(clock.now()).toISOString();
const deploy = (change: Partial<DeployState> = {}) =>
  updateDocument(
    local.store,
    deployDocument,
    (): Omit<DeployState, "nonce"> => ({
      ...{ version: 1, id: "d-1", kind: "swap", by: "ann@laptop", state: "running", step: "packing" },
      ...{ started: time(), heartbeat: time(), ...change },
    }),
    clock,
  );
const claim = (owner: string) =>
  updateDocument(
    local.store,
    siteDocument,
    () => ({
      ...{ version: 1 as const, owner, epoch: 2, address: "203.0.113.8", privateAddress: "10.0.0.8" },
      ...{ launched: time(), since: time(), state: "serving" as const },
    }),
    clock,
  );
const bell = async () => (await readDocument(local.store, bellDocument)).value;

function watching(expected: () => Pace | undefined = () => undefined) {
  const others = [ownershipWatcher(local.store, "i-1"), deployWatcher(local.store, clock)];
  const watcher = bellWatcher(local.store, clock, others, expected);
  let from = local.server.calls.length;
  return {
    watcher,
    /** Passes the time of a pause, and looks. */
    async next() {
      await clock.advance(watcher.everySeconds * 1000);
      from = local.server.calls.length;
      return watcher.look();
    },
    asked: () =>
      local.server.calls.slice(from).map((c) => `${c.operation} ${(c.input as { Key: string }).Key}`),
  };
}

test("one HEAD on one object tells of deploys and of owners, within 5 s", async () => {
  const { watcher, next, asked } = watching();
  await next();
  for (let i = 0; i < 3; i++) {
    expect(await next()).toEqual([]);
    expect(asked()).toEqual(["HeadObject bell.json"]);
  }
  expect(watcher.everySeconds).toBe(5);
  await deploy();
  expect(await next()).toMatchObject([{ kind: "deploy", running: { id: "d-1" } }]);
  await claim("i-2");
  expect(await next()).toMatchObject([{ kind: "replaced", by: "i-2" }]);
});

test("a deploy rings when there is news of it, not at each heartbeat", async () => {
  await deploy();
  const first = (await bell())?.nonce;
  await clock.advance(10_000);
  await deploy({ step: "uploading" });
  expect((await bell())?.nonce).toBe(first);
  await deploy({ step: "uploading", release: "r2" });
  expect((await bell())?.nonce).not.toBe(first);
});

test("what was written without a ring is found within a minute", async () => {
  const { next } = watching();
  await next();
  local.server.disturb("s3", "PutObject", { error: new AwsError("AccessDenied", "no", 403) }, 2);
  await deploy();
  expect(await bell()).toBeUndefined();
  const seen: WatchEvent[] = [];
  let looks = 0;
  for (; seen.length === 0 && looks < 20; looks++) seen.push(...(await next()));
  expect(seen).toMatchObject([{ kind: "deploy" }]);
  expect(looks).toBe(12);
});

test("a bell that cannot be read has everything looked at each time, and is reported once there is nothing else to tell", async () => {
  const { next } = watching();
  await next();
  await deploy();
  const denied = { error: new AwsError("AccessDenied", "no", 403) };
  local.server.disturb("s3", "HeadObject", denied, 1);
  expect(await next()).toMatchObject([{ kind: "deploy" }]);
  local.server.disturb("s3", "HeadObject", denied, 1);
  await expect(next()).rejects.toThrow(/bell\.json/);
});

test("one that cannot look is asked again, and keeps nothing from the others", async () => {
  let broken = true;
  const other = {
    look: async (): Promise<WatchEvent[]> => {
      if (broken) throw new Error("no answer");
      return [{ kind: "rebalance", time: 0 }];
    },
  };
  const watcher = bellWatcher(
    local.store,
    clock,
    [other, deployWatcher(local.store, clock)],
    () => undefined,
  );
  await deploy();
  expect(await watcher.look()).toMatchObject([{ kind: "deploy" }]);
  await expect(watcher.look()).rejects.toThrow("no answer");
  broken = false;
  expect(await watcher.look()).toMatchObject([{ kind: "rebalance" }]);
});

test("when something is expected, everything is looked at, at that pace", async () => {
  let pace: Pace | undefined = { seconds: 1, all: true };
  const { watcher, next, asked } = watching(() => pace);
  await next();
  await next();
  expect(asked()).toContain("HeadObject site.json");
  expect(watcher.everySeconds).toBe(1);
  pace = { seconds: 0.5, all: false };
  await next();
  expect(asked()).toEqual(["HeadObject bell.json"]);
});

test("the bell names commands that were asked for in the last minutes, each once", async () => {
  await ring(local.store, clock, "run-1");
  await ring(local.store, clock, "run-2");
  await ring(local.store, clock, "run-2");
  await ring(local.store, clock);
  expect((await bell())?.runs.map((r) => r.id)).toEqual(["run-1", "run-2"]);
  await clock.advance(301_000);
  await ring(local.store, clock, "run-3");
  expect((await bell())?.runs.map((r) => r.id)).toEqual(["run-3"]);
});
