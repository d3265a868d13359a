import { setTimeout as delay } from "node:timers/promises";
import { CreateBucketCommand, DeleteObjectCommand, S3Client } from "@aws-sdk/client-s3";
import { afterAll, beforeAll, beforeEach, expect, test } from "vitest";
import { readDocument } from "../../../agent/site/document.ts";
import { deployDocument } from "../../../agent/site/documents/deploy-state.ts";
import { createS3Store } from "../../../agent/site/s3-store.ts";
import type { ObjectStore } from "../../../agent/site/store.ts";
import { takeLock } from "../../../provisioner/deploy/lock.ts";
import { ManualClock } from "../../cloud/manual-clock.ts";
import { S3 } from "../../cloud/s3.ts";
import { internalError } from "../../cloud/wire/disturb.ts";
import { WireServer } from "../../cloud/wire/server.ts";

let server: WireServer;
let client: S3Client;
let store: ObjectStore;
let clock: ManualClock;
/** The store's clock. */
let now = Date.parse("2030-01-01T00:00:00Z");
/** The bucket takes no writes; how many it refused. */
let shut = false;
let refused = 0;
beforeAll(async () => {
  server = new WireServer({ now: () => now, simulated: true });
  new S3(server, { now: () => now });
  await server.start();
  client = new S3Client({ endpoint: server.endpoint, maxAttempts: 1 });
  store = createS3Store(client, "box");
  await client.send(new CreateBucketCommand({ Bucket: "box" }));
  server.before((call) => {
    if (!shut || call.operation !== "PutObject") return;
    refused += 1;
    throw internalError();
  });
});
beforeEach(async () => {
  await client.send(new DeleteObjectCommand({ Bucket: "box", Key: deployDocument.key }));
  clock = new ManualClock(now);
});
afterAll(async () => {
  client.destroy();
  await server.stop();
});

const take = (by: string, more: { force?: boolean } = {}) =>
  takeLock(store, { kind: "swap", by, step: "start", clock, ...more });
const stored = async () => (await readDocument(store, deployDocument)).value;

/** Time goes on, for the store too; every ten seconds `until` is waited for. */
async function pass(seconds: number, until?: () => Promise<boolean>): Promise<void> {
  for (let i = 0; i < seconds; i += 10) {
    now += 10_000;
    await clock.advance(10_000);
    while (until !== undefined && !(await until())) await delay(2);
  }
}
const beaten = async () => Date.parse((await stored())?.heartbeat ?? "") === now;

test("one holder; another is told who, since when and at what", async () => {
  const { lock } = await take("ann@laptop");
  await lock.note({ step: "pack", release: "r1", old: "i-1" });
  await expect(take("bob@desk")).rejects.toThrow(/^ann@laptop has been deploying since .*, now at: pack$/);
  await lock.end("done");
  expect(await stored()).toMatchObject({ state: "done", release: "r1", old: "i-1" });
  const next = await take("bob@desk");
  expect(next.leftover).toBeUndefined();
  expect((await stored())?.release).toBeUndefined();
  await next.lock.end("done");
});

test("a holder that beats is alive after five minutes; one that stopped is dead after two minutes", async () => {
  const { lock } = await take("ann@laptop");
  await pass(300, beaten);
  await expect(take("bob@desk")).rejects.toThrow("ann@laptop");
  await lock.note({ release: "r7" });
  await lock.stop();
  await pass(110);
  await expect(take("bob@desk")).rejects.toThrow("ann@laptop");
  await pass(20);
  const { lock: next, leftover } = await take("bob@desk");
  expect(leftover).toMatchObject({ by: "ann@laptop", release: "r7" });
  // Whoever comes after both still knows what the first left.
  expect(await stored()).toMatchObject({ by: "bob@desk", release: "r7" });
  await next.note({ release: undefined });
  expect((await stored())?.release).toBeUndefined();
  await next.end("done");
});

test("a holder reads nothing while nobody else writes", async () => {
  const { lock } = await take("ann@laptop");
  const read = () => server.calls.filter(({ operation }) => operation === "GetObject").length;
  const before = read();
  await lock.note({ step: "pack", release: "r1" });
  now += 3_000;
  await clock.advance(3_000);
  await lock.note({ step: "publish" });
  // The first note rings the bell, for it names another release.
  expect(read() - before).toBe(1);
  expect(await stored()).toMatchObject({ step: "publish", heartbeat: new Date(now).toISOString() });
  await lock.end("done");
});

test("a holder whose lock was taken by force learns of it, and writes nothing more", async () => {
  const { lock } = await take("ann@laptop");
  const { lock: other } = await take("bob@desk", { force: true });
  await expect(lock.note({ step: "publish" })).rejects.toThrow("this deploy had to stop: bob@desk took over");
  expect(lock.lost.aborted).toBe(true);
  await expect(lock.end("done")).rejects.toThrow("bob@desk took over");
  expect(await stored()).toMatchObject({ by: "bob@desk", state: "running", step: "start" });
  await other.end("done");
});

test("it learns of it by its heartbeat alone, too", async () => {
  const { lock } = await take("ann@laptop");
  const { lock: other } = await take("bob@desk", { force: true });
  await pass(10, async () => lock.lost.aborted);
  await other.end("done");
  await lock.stop();
});

test("a holder that cannot write for a minute stops before anybody may take over", async () => {
  const { lock } = await take("ann@laptop");
  shut = true;
  let expected = refused;
  const tried = async () => refused > expected;
  for (let i = 0; i < 5; i++) {
    await pass(10, tried);
    expected = refused;
  }
  expect(lock.lost.aborted).toBe(false);
  await pass(10, async () => lock.lost.aborted);
  shut = false;
  expect(lock.lost.reason.message).toContain("could not be written for 60 s");
  await expect(take("bob@desk")).rejects.toThrow("ann@laptop");
});

test("left in disorder, the next one comes at once and is told what was left", async () => {
  const { lock } = await take("ann@laptop");
  await lock.note({ release: "r8" });
  await lock.leave("no network");
  const { leftover, lock: next } = await take("bob@desk");
  expect(leftover).toMatchObject({ release: "r8", reason: "no network" });
  await next.end("done");
});
