import { mkdtemp, rm } from "node:fs/promises";
import http from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { updateDocument } from "../../../agent/site/document.ts";
import { type SiteState, siteDocument } from "../../../agent/site/documents/site-state.ts";
import { Rounds } from "../../../agent/system/rounds.ts";
import type { WatchEvent } from "../../../agent/watch/events.ts";
import { fenceWatcher } from "../../../agent/watch/fence.ts";
import { Knock, knockAt } from "../../../agent/watch/knock.ts";
import { watch } from "../../../agent/watch/loop.ts";
import { ownershipWatcher } from "../../../agent/watch/ownership.ts";
import { ManualClock } from "../../cloud/manual-clock.ts";
import { type LocalS3, startS3 } from "../site/s3.ts";

let local: LocalS3;
let clock: ManualClock;
let stop: AbortController;
beforeEach(async () => {
  local = await startS3();
  clock = new ManualClock();
  stop = new AbortController();
});
afterEach(async () => {
  stop.abort();
  await local.close();
});

const says = (owner: string, epoch: number, state: SiteState["state"]) =>
  updateDocument(local.store, siteDocument, () => ({
    version: 1,
    ...{ epoch, owner, state },
    address: "203.0.113.2",
    privateAddress: "10.0.0.2",
    launched: "2026-11-21T11:00:00Z",
    since: "2026-11-21T11:00:00Z",
  }));

test("without state, a claim is nothing yet: the old owner serves until the records have moved", async () => {
  const watcher = ownershipWatcher(local.store, "i-1");
  await says("i-2", 2, "claiming");
  expect(await watcher.look()).toEqual([]);
  await says("i-2", 2, "serving");
  expect(await watcher.look()).toMatchObject([{ kind: "replaced", by: "i-2", epoch: 2 }]);
});

test("with state, a claim is told: from here on the old owner's writes are at stake", async () => {
  const watcher = ownershipWatcher(local.store, "i-1", true);
  await says("i-2", 2, "claiming");
  expect(await watcher.look()).toMatchObject([{ kind: "claimed", by: "i-2", privateAddress: "10.0.0.2" }]);
  expect(await watcher.look()).toEqual([]);
  await says("i-1", 3, "claiming");
  expect(await watcher.look()).toEqual([]);
});

test("who is about to take the site over is seen when it knocks, not at the next look", async () => {
  const folder = await mkdtemp(join(tmpdir(), "knock-"));
  const socket = join(folder, "asked.sock");
  const knock = new Knock(clock);
  const silence = await knockAt(socket, knock);
  const events: WatchEvent[] = [];
  const ownership = ownershipWatcher(local.store, "i-1", true);
  const watching = watch([{ name: "knock", everySeconds: 60, knock, ...ownership }], {
    ...{ clock, rounds: new Rounds(), signal: stop.signal, onTrouble: () => {} },
    onEvent: async (event) => void events.push(event),
  });
  const knocks = () =>
    new Promise<number | undefined>((resolve, reject) => {
      const request = http.request({ socketPath: socket, method: "POST", path: "/" }, (answer) => {
        answer.resume();
        resolve(answer.statusCode);
      });
      request.on("error", reject);
      request.end("whatever an app may send");
    });
  await expect.poll(() => clock.sleeping).toBe(1);
  await says("i-2", 2, "claiming");
  expect(await knocks()).toBe(204);
  // No time has passed.
  await expect.poll(() => events.length).toBe(1);
  await says("i-2", 2, "serving");
  await knocks();
  await new Promise((resolve) => setTimeout(resolve, 50));
  // A second knock within a second is not heard: each costs a question to S3.
  expect(events).toHaveLength(1);
  stop.abort();
  await watching;
  silence();
  await rm(folder, { recursive: true });
});

test("a shipper that has met a later owner is reported once", async () => {
  let state: "shipping" | "fenced" = "shipping";
  const watcher = fenceWatcher({ status: async () => ({ state, epoch: 4, seq: 9, behind: 0 }) });
  expect(await watcher.look()).toEqual([]);
  state = "fenced";
  expect(await watcher.look()).toEqual([{ kind: "fenced", epoch: 4 }]);
  expect(await watcher.look()).toEqual([]);
});
