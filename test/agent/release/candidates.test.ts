import { afterEach, beforeEach, expect, test } from "vitest";
import { Candidates } from "../../../agent/release/candidates.ts";
import { type Channel, channelDocument } from "../../../agent/site/channel.ts";
import { readDocument, updateDocument } from "../../../agent/site/document.ts";
import { ManualClock } from "../../cloud/manual-clock.ts";
import { type LocalS3, startS3 } from "../site/s3.ts";

let local: LocalS3;
beforeEach(async () => {
  local = await startS3();
});
afterEach(() => local.close());

const write = (fields: Partial<Channel>) =>
  updateDocument(local.store, channelDocument, () => ({
    version: 1,
    counter: 2,
    quarantined: [],
    ...fields,
  }));
const read = async () => (await readDocument(local.store, channelDocument)).value;
const boot = () => new Candidates(local.store, new ManualClock());

test("a candidate's attempt is in the bucket before anything is done with it", async () => {
  await write({ candidate: { id: "r2", attempts: [] }, current: "r1" });
  expect(await boot().next("i-1")).toEqual({ id: "r2", role: "candidate" });
  expect((await read())?.candidate?.attempts).toMatchObject([{ instance: "i-1" }]);
});

test("a candidate that fails twice is quarantined with the reason, and the current release runs", async () => {
  await write({ candidate: { id: "r2", attempts: [] }, current: "r1" });
  const clock = new ManualClock();
  const candidates = new Candidates(local.store, clock);
  for (let i = 0; i < 2; i++) {
    expect((await candidates.next("i-1")).id).toBe("r2");
    await candidates.failed("app: it died");
    await clock.advance(1000);
  }
  expect((await read())?.quarantined).toMatchObject([{ id: "r2", reason: "app: it died" }]);
  expect(await candidates.next("i-1")).toEqual({ id: "r1", role: "current" });
});

test("two boots that never reported back quarantine a candidate too", async () => {
  await write({ candidate: { id: "r2", attempts: [] }, current: "r1" });
  await boot().next("i-1");
  await boot().next("i-2");
  expect((await boot().next("i-3")).id).toBe("r1");
  expect((await read())?.quarantined[0]?.reason).toContain("two boots");
});

test("failures that are not the release's leave no mark on it", async () => {
  await write({ candidate: { id: "r2", attempts: [] }, current: "r1" });
  const candidates = boot();
  for (let i = 0; i < 5; i++) {
    expect((await candidates.next("i-1")).id).toBe("r2");
    await candidates.failed(undefined);
  }
  expect(await read()).toMatchObject({ candidate: { id: "r2", attempts: [] }, quarantined: [] });
});

test("a candidate that cannot be had is left alone, and an older release runs meanwhile", async () => {
  await write({ candidate: { id: "r2", attempts: [] }, current: "r1" });
  const candidates = boot();
  for (let i = 0; i < 2; i++) {
    expect((await candidates.next("i-1")).id).toBe("r2");
    await candidates.missing("release r2 has no zip in the bucket");
  }
  expect((await candidates.next("i-1")).id).toBe("r1");
  expect(await read()).toMatchObject({ candidate: { id: "r2", attempts: [] }, quarantined: [] });
  expect((await boot().next("i-2")).id).toBe("r2");
});

test("a current release that fails twice in a boot gives way to the last known good, for this boot", async () => {
  await write({ current: "r2", lastKnownGood: "r1" });
  const candidates = boot();
  for (let i = 0; i < 2; i++) {
    expect((await candidates.next("i-1")).id).toBe("r2");
    await candidates.failed("app: it died");
  }
  expect(await candidates.next("i-1")).toEqual({ id: "r1", role: "lastKnownGood" });
  expect((await read())?.quarantined).toEqual([]);
  expect((await boot().next("i-1")).id).toBe("r2");
});

test("when nothing works it says so, and begins again at the next try", async () => {
  await write({ current: "r1" });
  const candidates = boot();
  for (let i = 0; i < 2; i++) {
    await candidates.next("i-1");
    await candidates.failed("app: it died");
  }
  await expect(candidates.next("i-1")).rejects.toThrow("no release works: r1 failed");
  expect((await candidates.next("i-1")).id).toBe("r1");
});

test("a site without a release says what to do", async () => {
  await expect(boot().next("i-1")).rejects.toMatchObject({
    message: "no release was published yet",
    hint: expect.stringContaining("everspot deploy"),
  });
});

test("serving promotes; a soak marks good; both once", async () => {
  await write({ candidate: { id: "r2", attempts: [] }, current: "r1", lastKnownGood: "r1" });
  const candidates = boot();
  await candidates.next("i-1");
  expect(await candidates.promote("r2")).toBe(true);
  expect(await candidates.promote("r2")).toBe(false);
  expect(await candidates.markGood("r2")).toBe(true);
  expect(await candidates.markGood("r2")).toBe(false);
  expect(await read()).toMatchObject({ current: "r2", previous: "r1", lastKnownGood: "r2" });
  expect(await candidates.wanted()).toEqual(new Set(["r1", "r2"]));
});

test("a pause ends early when there is news, and not otherwise", async () => {
  const clock = new ManualClock();
  const candidates = new Candidates(local.store, clock);
  const signal = new AbortController().signal;
  const round = () => new Promise<void>((resolve) => setTimeout(resolve, 30));
  let ended = 0;
  const wait = (seconds: number) => candidates.news(seconds, signal).then(() => void ended++);
  const quiet = wait(12);
  await round();
  await clock.advance(11_000, round);
  expect(ended).toBe(0);
  await clock.advance(1_000, round);
  await quiet;
  const news = wait(3600);
  await round();
  await write({ current: "r1" });
  await clock.advance(5_000, round);
  await news;
  expect(ended).toBe(2);
});

test("the last known good release gets three tries in a boot before an older one", async () => {
  await write({ current: "r2", lastKnownGood: "r2", previous: "r1" });
  const candidates = boot();
  for (let i = 0; i < 3; i++) {
    expect((await candidates.next("i-1")).id).toBe("r2");
    await candidates.failed("app: it died");
  }
  expect((await candidates.next("i-1")).id).toBe("r1");
});

test("machines that die of a release count: after three of them nothing is started for the rest of the hour", async () => {
  await write({ current: "r1", lastKnownGood: "r1", previous: "r0" });
  const clock = new ManualClock();
  const next = (instance: string) => new Candidates(local.store, clock).next(instance);
  for (const instance of ["i-1", "i-2", "i-3"]) {
    expect((await next(instance)).id).toBe("r1");
    await clock.advance(60_000);
  }
  await expect(next("i-4")).rejects.toThrow(/the last machines died while they started a release/);
  await write({ candidate: { id: "r2", attempts: [] }, current: "r1", lastKnownGood: "r1" });
  expect((await next("i-4")).id, "what a person deploys is tried").toBe("r2");
  await write({ current: "r1", lastKnownGood: "r1" });
  await clock.advance(3600_000);
  expect((await next("i-4")).id).toBe("r1");
});

test("a start that ends, well or not, does not count", async () => {
  await write({ current: "r1", lastKnownGood: "r1" });
  for (let i = 0; i < 3; i++) {
    const well = boot();
    await well.next("i-1");
    await well.promote("r1");
    const badly = boot();
    await badly.next("i-1");
    await badly.failed("app: it died");
  }
  expect((await boot().next("i-1")).id).toBe("r1");
});

test("candidates whose machines a deploy ended half-way do not keep the site from healing", async () => {
  for (const id of ["r2", "r3", "r4", "r5"]) {
    await write({ current: "r1", lastKnownGood: "r1", candidate: { id, attempts: [] } });
    expect((await boot().next(`i-${id}`)).id).toBe(id);
  }
  await write({ current: "r1", lastKnownGood: "r1" });
  expect((await boot().next("i-9")).id).toBe("r1");
});
