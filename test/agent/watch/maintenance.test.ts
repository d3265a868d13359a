import { afterEach, beforeEach, expect, test } from "vitest";
import { updateDocument } from "../../../agent/site/document.ts";
import { type MaintenanceState, maintenanceDocument } from "../../../agent/site/documents/maintenance.ts";
import { bellWatcher } from "../../../agent/watch/bell.ts";
import { maintenanceWatcher } from "../../../agent/watch/maintenance.ts";
import { ManualClock } from "../../cloud/manual-clock.ts";
import { type LocalS3, startS3 } from "../site/s3.ts";

let clock: ManualClock;
let local: LocalS3;
beforeEach(async () => {
  clock = new ManualClock(Date.now());
  local = await startS3({ now: () => clock.now() });
});
afterEach(() => local.close());

const write = (change: Pick<MaintenanceState, "on"> & Partial<MaintenanceState>) =>
  updateDocument(
    local.store,
    maintenanceDocument,
    () => ({
      ...{ version: 1 as const, since: new Date(clock.now()).toISOString(), by: "ann@laptop", allow: [] },
      ...change,
    }),
    clock,
  );

test("what is switched is reported once, at the next look at the bell, which it rings", async () => {
  const watcher = bellWatcher(
    local.store,
    clock,
    [maintenanceWatcher(local.store, async () => false)],
    () => undefined,
  );
  expect(await watcher.look()).toEqual([]);
  await write({ on: true, allow: ["203.0.113.7"] });
  await clock.advance(5_000);
  expect(await watcher.look()).toMatchObject([{ kind: "maintenance", state: { on: true } }]);
  await clock.advance(5_000);
  expect(await watcher.look()).toEqual([]);
  await write({ on: false });
  await clock.advance(5_000);
  expect(await watcher.look()).toMatchObject([{ kind: "maintenance", state: { on: false } }]);
});

test("an agent that begins tells of what ended while there was none, and of nothing where nothing is", async () => {
  await write({ on: true });
  await write({ on: false });
  expect(await maintenanceWatcher(local.store, async () => false).look()).toEqual([]);
  expect(await maintenanceWatcher(local.store, async () => true).look()).toMatchObject([
    { kind: "maintenance", state: { on: false } },
  ]);
});
