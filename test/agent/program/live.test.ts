import { pino } from "pino";
import { afterEach, beforeEach, expect, test } from "vitest";
import type { Resume } from "../../../agent/boot/resume.ts";
import { renewIfDue } from "../../../agent/certificate/ensure.ts";
import { isOrdering } from "../../../agent/certificate/order.ts";
import { live } from "../../../agent/program/live.ts";
import { bootRecord } from "../../../agent/site/boot-record.ts";
import { readDocument } from "../../../agent/site/document.ts";
import { siteDocument } from "../../../agent/site/documents/site-state.ts";
import { keys } from "../../../agent/site/names.ts";
import type { Processor } from "../../../agent/system/processor.ts";
import { IdleClock } from "../../provisioner/deploy/idle-clock.ts";
import { TestInstance } from "../machine/instance.ts";

const ME = "i-00000001";
const log = pino({ level: "silent" });
const reason = new Error("SIGTERM");

let clock: IdleClock;
let on: TestInstance;
let stop: AbortController;
beforeEach(async () => {
  clock = new IdleClock();
  on = await TestInstance.open(() => clock.now());
  stop = new AbortController();
  on.fleet.add(ME, new Date(Date.now() - 60_000));
  await on.publish("r1");
  await on.setChannel({ candidate: { id: "r1", attempts: [] } });
});
afterEach(async () => {
  await on.close();
  clock.stop();
});

class Gone extends Error {}

/** What another process would resume; undefined when this one goes on by itself. */
async function begin(resumed?: Resume, processor?: Processor) {
  const agent = on.agent(clock, ME);
  if (processor !== undefined) agent.machine.processor = processor;
  let left: Resume | undefined;
  const goOn = async (resume: Resume) => {
    left = resume;
    // As execve() does, this never comes back.
    throw new Gone();
  };
  let lean = 0;
  const afresh = { goOn, stayLean: async () => void lean++ };
  const ended = live(agent, resumed, afresh, log, stop.signal).catch((error: unknown) => error);
  return { agent, ended, left: () => left, lean: () => lean };
}

const record = async () => {
  const found = await on.local.store.get(keys.boot(ME));
  return found && bootRecord.parse(JSON.parse(new TextDecoder().decode(found.body)));
};
async function until(holds: () => boolean | Promise<boolean>): Promise<void> {
  for (let i = 0; i < 1000 && !(await holds()); i++) await new Promise((resolve) => setTimeout(resolve, 1));
  expect(await holds()).toBe(true);
}

test("a boot leaves to a fresh process all that the duty needs; that one boots nothing again", async () => {
  const first = await begin();
  expect(await first.ended).toBeInstanceOf(Gone);
  const left = JSON.parse(JSON.stringify(first.left())) as Resume;
  expect(left).toMatchObject({
    identity: { instance: ME },
    booted: { release: "r1", epoch: 1, attempt: 1 },
    record: { instance: ME, state: "serving", epoch: 1 },
    packages: { fresh: [] },
  });
  expect(left.packages.used.length).toBeGreaterThan(0);
  // What is left is on record already, should the next process not come to life.
  expect(await record()).toMatchObject({ state: "serving", release: "r1" });

  // A boot that takes a minute brings its log meanwhile; it has ended before another process goes on with it.
  const begun = on.done.includes("the log begins");
  expect(on.done.includes("the log ends")).toBe(begun);
  on.done.length = 0;

  const units = on.apps.log.length;
  const second = await begin({
    ...left,
    booted: { ...left.booted, launched: new Date(left.booted.launched) },
  });
  await until(async () => (await on.channel())?.lastKnownGood !== undefined || second.lean() > 0);
  await until(() => second.lean() === 1);
  expect(second.agent.recorder.value).toMatchObject({
    state: "serving",
    attempt: 1,
    steps: left.record.steps,
  });
  expect(second.agent.machine.packages.memory.used).toEqual(left.packages.used);
  expect(on.done.filter((what) => /the log/.test(what))).toEqual(["the log begins"]);
  expect(on.apps.log.slice(units).filter((what) => what.startsWith("start"))).toEqual([]);
  stop.abort(reason);
  expect(await second.ended).toBe(reason);
  expect(on.done.at(-1)).toBe("the log ends");
  expect((await readDocument(on.local.store, siteDocument)).value).toMatchObject({ owner: ME, epoch: 1 });
});

test("a boot that needed a second try goes on in its own process", async () => {
  const { certificate } = on;
  on.certificate = async () => {
    on.certificate = certificate;
    throw new Error("the disk is full");
  };
  const { agent, ended, left, lean } = await begin();
  await until(() => lean() === 1);
  expect(agent.recorder.value).toMatchObject({ state: "serving", attempt: 2 });
  expect(left()).toBeUndefined();
  stop.abort(reason);
  expect(await ended).toBe(reason);
});

test("an order of a certificate under way is not left alone: this process goes on with it", async () => {
  const { certificate } = on;
  let finish: (() => void) | undefined;
  const { agent, ended, left, lean } = await begin();
  agent.machine.certificates.authority.order = () =>
    new Promise((resolve) => {
      finish = () =>
        resolve({ outcome: "failed", error: "the CA is down", lines: [], retryAfter: undefined });
    });
  let ordering: Promise<unknown> | undefined;
  on.certificate = async () => {
    ordering = renewIfDue(agent.machine.certificates).catch(() => undefined);
    await until(() => isOrdering(agent.machine.certificates));
    return certificate("now");
  };
  await until(() => lean() === 1);
  expect(left()).toBeUndefined();
  expect(agent.recorder.value?.state).toBe("serving");
  finish?.();
  await ordering;
  stop.abort(reason);
  expect(await ended).toBe(reason);
});

test("asked to stop during the boot, it says so in the record as it is then, and ends", async () => {
  await on.setChannel({});
  const { agent, ended } = await begin();
  await until(() => agent.recorder.value?.state === "failed");
  stop.abort(reason);
  expect(await ended).toBe(reason);
  expect(await record()).toMatchObject({ state: "failed", instance: ME });
});

test("a machine that does not come up borrows CPU credits for an hour at most", async () => {
  const owes = { time: () => ({ busy: 1e6, stolen: 0 }), age: () => 3_600 };
  on.certificate = () =>
    new Promise((_, reject) => stop.signal.addEventListener("abort", () => reject(reason)));
  const stuck = await begin();
  stuck.agent.machine.processor = owes;
  await until(() => on.done.includes("standard credits"));
  stop.abort(reason);
  expect(await stuck.ended).toBe(reason);
});

test("a machine that has booted borrows CPU credits until they are earned", async () => {
  const settled = { time: () => ({ busy: 2, stolen: 0 }), age: () => 60 };
  const first = await begin();
  await first.ended;
  expect(on.done).not.toContain("standard credits");
  const left = JSON.parse(JSON.stringify(first.left())) as Resume;
  const launched = new Date(left.booted.launched);
  const second = await begin({ ...left, booted: { ...left.booted, launched } }, settled);
  await until(() => on.done.includes("standard credits"));
  expect(second.agent.recorder.value?.events?.at(-1)?.text).toMatch(/^CPU credits are standard/);
  stop.abort(reason);
  await second.ended;
});
