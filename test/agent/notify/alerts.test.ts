import { CreateBucketCommand } from "@aws-sdk/client-s3";
import { afterAll, beforeAll, beforeEach, expect, test } from "vitest";
import { createAlerts } from "../../../agent/notify/alerts.ts";
import type { Notice } from "../../../agent/notify/notify.ts";
import { alertsDocument, openOnes } from "../../../agent/site/alerts/alerts.ts";
import { readDocument } from "../../../agent/site/document.ts";
import type { ObjectStore } from "../../../agent/site/store.ts";
import { ManualClock } from "../../cloud/manual-clock.ts";
import { type LocalS3, startS3 } from "../site/s3.ts";

const HOUR = 3600_000;
const disk = { kind: "disk" as const };
const clock = new ManualClock();
let local: LocalS3;
let notices: Notice[] = [];
const troubles: string[] = [];

beforeAll(async () => {
  local = await startS3({ now: () => clock.now() });
});
afterAll(() => local.close());
beforeEach(async () => {
  local.s3.buckets.clear();
  await local.client.send(new CreateBucketCommand({ Bucket: "site" }));
  notices = [];
  troubles.length = 0;
});

/** As an instance has them. */
const alertsOf = (store: ObjectStore = local.store) =>
  createAlerts({
    ...{ store, clock, onTrouble: (message) => troubles.push(message) },
    notify: async (notice) => void notices.push(notice),
  });
const open = async () => openOnes((await readDocument(local.store, alertsDocument)).value?.alerts ?? []);

test("what lasts is reported once, and when it is over; a look at which nothing changes asks the bucket nothing", async () => {
  const one = alertsOf();
  expect(await one.raise(disk, "the disk is 91 % full")).toBe(true);
  const { length } = local.server.calls;
  for (let i = 0; i < 5; i++) expect(await one.raise(disk, "the disk is 92 % full")).toBe(false);
  expect(local.server.calls).toHaveLength(length);
  await clock.advance(3 * HOUR);
  expect(await one.raise(disk, "the disk is 93 % full")).toBe(false);
  expect(await open()).toMatchObject([{ kind: "disk", text: "the disk is 91 % full" }]);
  expect(await one.clear(disk, "the disk is 40 % full")).toBe(true);
  await one.clear(disk, "the disk is 40 % full");
  expect(notices).toEqual([
    { kind: "disk", text: "the disk is 91 % full" },
    { kind: "disk", text: "the disk is 40 % full", over: true },
  ]);
  expect(await open()).toEqual([]);
});

test("replacements do not tell of it again, and whichever sees the end tells that", async () => {
  for (let i = 0; i < 4; i++) await alertsOf().raise(disk, "the disk is 91 % full");
  await alertsOf().clear(disk, "the disk is 10 % full");
  await alertsOf().clear(disk, "the disk is 10 % full");
  expect(notices.map((n) => n.over === true)).toEqual([false, true]);
});

test("one whose knowledge is old does not tell it again", async () => {
  const [one, other] = [alertsOf(), alertsOf()];
  await one.raise({ kind: "memory" }, "killed");
  await other.raise(disk, "full");
  expect(await one.raise(disk, "full")).toBe(false);
  expect(notices.map((n) => n.text)).toEqual(["killed", "full"]);
});

test("an instance that has the site again believes what another one said meanwhile", async () => {
  const [one, other] = [alertsOf(), alertsOf()];
  await one.raise(disk, "full");
  await other.clear(disk, "not full");
  await clock.advance(2 * HOUR);
  one.refresh();
  await one.raise(disk, "full again");
  expect(notices.map((n) => n.text)).toEqual(["full", "not full", "full again"]);
});

test("what comes and goes is reported once an hour at most, and not when it is over either", async () => {
  const one = alertsOf();
  for (let i = 0; i < 10; i++) {
    await one.raise(disk, `full ${i}`);
    await one.clear(disk, `not full ${i}`);
    await clock.advance(60_000);
  }
  expect(notices.map((n) => n.text)).toEqual(["full 0", "not full 0"]);
});

test("one that came back and stays is reported when the hour is over", async () => {
  const one = alertsOf();
  await one.raise(disk, "full 1");
  await one.clear(disk, "not full");
  for (let i = 0; i < 70; i++) {
    await clock.advance(60_000);
    await one.raise(disk, "full 2");
  }
  await one.clear(disk, "not full 2");
  expect(notices.map((n) => n.text)).toEqual(["full 1", "not full", "full 2", "not full 2"]);
});

test("of several of a kind each is told for itself", async () => {
  const one = alertsOf();
  await one.raise({ kind: "job", about: "nightly" }, "nightly failed");
  await one.raise({ kind: "job", about: "weekly" }, "weekly failed");
  await one.clear({ kind: "job", about: "nightly" }, "nightly ran");
  expect(notices).toHaveLength(3);
  expect(await open()).toMatchObject([{ about: "weekly" }]);
});

test("a bucket that cannot be written keeps no one from hearing of it, once, and of its end", async () => {
  const refused: ObjectStore = { ...local.store, put: async () => Promise.reject(new Error("AccessDenied")) };
  const one = alertsOf(refused);
  for (let i = 0; i < 3; i++) await one.raise(disk, "full");
  await one.clear(disk, "not full");
  expect(notices.map((n) => n.text)).toEqual(["full", "not full"]);
  expect(troubles[0]).toContain("AccessDenied");
});
