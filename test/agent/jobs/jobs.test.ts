import { mkdir, readdir, readFile, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import type { JobConfig } from "../../../agent/jobs/job.ts";
import { Busy } from "../../../agent/jobs/job.ts";
import { Jobs, type JobsContext } from "../../../agent/jobs/jobs.ts";
import type { WorkerConfig } from "../../../agent/jobs/workers.ts";
import { askToYield } from "../../../agent/jobs/yield.ts";
import { readDocument } from "../../../agent/site/document.ts";
import { jobDocument } from "../../../agent/site/jobs/documents.ts";
import { yieldDocument } from "../../../agent/site/jobs/yield.ts";
import type { LastingOptions } from "../../../agent/system/transient.ts";
import { ManualClock } from "../../cloud/manual-clock.ts";
import { type LocalS3, startS3 } from "../site/s3.ts";
import { Calls } from "./calls.ts";
import { Commands } from "./command.ts";

const START = Date.parse("2026-11-26T12:00:30Z");
let clock: ManualClock;
let calls: Calls;
let local: LocalS3;
let commands: Commands;
let workers: Map<string, LastingOptions & { restarts: number }>;
let owned: { epoch: number; release: string } | undefined;
let over: AbortController;
const told: string[] = [];
const alarms: string[] = [];
const calmed: string[] = [];
const pings: string[] = [];
const seen: unknown[] = [];
beforeEach(async () => {
  clock = new ManualClock(START);
  calls = new Calls();
  const started = await startS3({ now: () => clock.now() });
  local = { ...started, store: calls.of(started.store) };
  commands = new Commands();
  commands.begins = (one) => one.end(0);
  workers = new Map();
  owned = { epoch: 3, release: "r1" };
  over = new AbortController();
  for (const list of [told, alarms, calmed, pings, seen]) list.length = 0;
});
afterEach(async () => {
  over.abort(new Error("end of the test"));
  await pass(60_000);
  commands.close();
  calls.stop();
  await local.close();
});
const pass = (ms: number) => clock.advance(ms, () => calls.quiet());
const state = async (name: string) => (await readDocument(local.store, jobDocument(name))).value;
const ends = async (name: string) => (await state(name))?.history.map(({ how }) => how);

const job = (change: Partial<JobConfig> = {}): JobConfig => ({
  ...{
    run: "python3 manage.py tidy",
    at: "minutely",
    zone: "UTC",
    timeout: 30,
    missed: "once",
    retry: 0,
    stop: 5,
  },
  ...change,
});
const worker = (change: Partial<WorkerConfig> = {}): WorkerConfig => ({
  run: "celery worker",
  stop: 20,
  ...change,
});

interface Tables {
  schedule?: Record<string, JobConfig>;
  worker?: Record<string, WorkerConfig>;
}

function jobsOf(tables: Tables, change: Partial<JobsContext> = {}): Jobs {
  const { start, units } = commands;
  const context: JobsContext = {
    ...{ instance: "i-1", store: local.store, clock, start, state: undefined, signal: over.signal },
    units: {
      ...units,
      list: async (pattern) => [
        ...(pattern.includes("-job-") ? await units.list(pattern) : []),
        ...(pattern.includes("-worker-") ? [...workers.keys()] : []),
      ],
      state: async (unit) => {
        const found = workers.get(unit);
        if (found === undefined) return unit.includes("-worker-") ? none : units.state(unit);
        return { ...none, active: "active", restarts: found.restarts };
      },
      stop: async (unit, seconds) => {
        if (!unit.includes("-worker-")) return units.stop(unit, seconds);
        await clock.sleep(3_000);
        workers.delete(unit);
      },
    },
    startLasting: async (options) => void workers.set(options.unit, { ...options, restarts: 0 }),
    owned: () => owned,
    places: commands.places("i-1"),
    peers: { find: async () => undefined },
    seen: (all) => seen.push(all),
    tell: (text) => told.push(text),
    alarm: (_, text) => alarms.push(text),
    calm: (about) => calmed.push(about),
    ping: async (url) => void pings.push(url),
    ...change,
  };
  return new Jobs(tables as never, context);
}
const none = { active: "inactive", sub: "dead", restarts: 0, result: "success" };
const mine = { epoch: 3, release: "r1" };

test("a job is a unit of the release, in the app's surroundings, with its own name, memory and time", async () => {
  let environment = "";
  const places = commands.places("i-1");
  const folder = dirname(places.appSocket("r1"));
  await mkdir(folder, { recursive: true });
  await writeFile(join(folder, "worker-7.json"), JSON.stringify({ settings: "site.settings.live" }));
  commands.begins = (one) => {
    void readFile(join(places.environment, "everspot-job-tidy.env"), "utf8").then((text) => {
      environment = text;
      one.end(0);
    });
  };
  void jobsOf({ schedule: { tidy: job({ memory: 128 }) } }).during(mine, over.signal);
  await pass(29_000);
  expect(commands.started).toEqual([]);
  await pass(2_000);
  expect(commands.started.map(({ options }) => options)).toEqual([
    {
      ...{ unit: "everspot-job-tidy@r1.service", description: "The job tidy", seconds: 30, stop: 5 },
      ...{ words: ["/bin/sh", "-c", "python3 manage.py tidy"], memory: "128M", output: "journal" },
    },
  ]);
  expect(environment).toBe('DJANGO_SETTINGS_MODULE="site.settings.live"\nEVERSPOT_JOB="tidy"\n');
  expect(await readdir(places.environment)).toEqual([]);
  expect((await state("tidy"))?.history).toEqual([
    expect.objectContaining({ due: "2026-11-26T12:01:00.000Z", how: "done", exitCode: 0, instance: "i-1" }),
  ]);
  expect([told, alarms]).toEqual([[], []]);
});

test("what fails is tried again as often as it may be, and then told", async () => {
  commands.begins = (one) => one.end(3);
  void jobsOf({ schedule: { tidy: job({ at: "hourly", retry: 2 }) } }).during(mine, over.signal);
  await pass(3_700_000);
  const began = commands.started.length;
  expect(began).toBe(3);
  const history = (await state("tidy"))?.history ?? [];
  expect(history.map((one) => "attempt" in one && [one.attempt, one.how, one.exitCode])).toEqual([
    [1, "failed", 3],
    [2, "failed", 3],
    [3, "failed", 3],
  ]);
  const times = history.map((one) => ("began" in one ? Date.parse(one.began) : 0));
  expect(times.map((time) => (time - (times[0] ?? 0)) / 1000)).toEqual([0, 30, 90]);
  expect(alarms).toEqual(["the job tidy: failed after 0 s, exit code 3, try 3"]);
});

test("one that takes too long, or too much, is reported as such", async () => {
  commands.begins = (one) => {
    one.result = commands.started.length === 1 ? "timeout" : "oom-kill";
    one.end(1);
  };
  void jobsOf({ schedule: { tidy: job() } }).during(mine, over.signal);
  await pass(120_000);
  expect(await ends("tidy")).toEqual(["timeout", "memory"]);
  expect(alarms[0]).toContain("it took longer than 30 s");
});

test("a dead man's switch hears of what ended well alone", async () => {
  commands.begins = (one) => one.end(commands.started.length === 2 ? 1 : 0);
  const ping = "https://ping.example/1";
  void jobsOf({ schedule: { tidy: job({ ping }) } }).during(mine, over.signal);
  await pass(181_000);
  expect(await ends("tidy")).toEqual(["done", "failed", "done"]);
  expect(pings).toEqual([ping, ping]);
  expect([alarms.length, calmed]).toEqual([1, ["tidy", "tidy"]]);
});

test("with state in the bucket a job is done once all that it wrote is there", async () => {
  let lag = 10_000;
  const keeper = {
    status: async () => ({ ...({ state: "shipping", epoch: 3, seq: 1, behind: 1 } as const), lag }),
  };
  void jobsOf({ schedule: { tidy: job() } }, { state: keeper }).during(mine, over.signal);
  await pass(35_000);
  expect(commands.started).toHaveLength(1);
  expect(await ends("tidy")).toEqual([]);
  // All that was committed before this is there.
  lag = 10;
  await pass(1_000);
  expect(await ends("tidy")).toEqual(["done"]);
});

test("the site goes: what runs is told, has its time, and is interrupted; what ends well in it is done", async () => {
  commands.begins = () => {};
  const term = new AbortController();
  const ended = jobsOf({ schedule: { tidy: job(), other: job() } }).during(mine, term.signal);
  await pass(31_000);
  const [tidy, other] = commands.started;
  if (tidy === undefined || other === undefined) throw new Error("they did not begin");
  tidy.onStop = (one) => void clock.sleep(4_000).then(() => one.end(0));
  other.onStop = (one) => void clock.sleep(4_000).then(() => one.end(143));
  term.abort(new Error("the site went"));
  let down = false;
  void ended.then(() => {
    down = true;
  });
  await pass(3_000);
  expect([tidy.stopped, other.stopped, down]).toEqual([true, true, false]);
  await pass(3_000);
  expect(down).toBe(true);
  expect([await ends("tidy"), await ends("other")].sort()).toEqual([["done"], ["interrupted"]]);
  expect(alarms).toHaveLength(1);
});

test("times that no one had the site: the last is made up, those before are named; or all are", async () => {
  const schedule = { once: job({ at: "*:0/5" }), skip: job({ at: "*:0/5", missed: "skip" }) };
  const before = new AbortController();
  const term = jobsOf({ schedule }).during(mine, before.signal);
  await pass(1_000);
  before.abort(new Error("gone"));
  await pass(11 * 60_000);
  await term;
  void jobsOf({ schedule }, { instance: "i-2" }).during({ epoch: 4, release: "r2" }, over.signal);
  owned = { epoch: 4, release: "r2" };
  await pass(100);
  const reason = "no instance had the site";
  const [first, last] = ["2026-11-26T12:05:00.000Z", "2026-11-26T12:10:00.000Z"];
  expect((await state("once"))?.history).toEqual([
    { how: "missed", due: first, until: first, count: 1, reason },
    expect.objectContaining({ how: "done", due: last }),
  ]);
  expect((await state("skip"))?.history).toEqual([
    { how: "missed", due: first, until: last, count: 2, reason },
  ]);
  // Neither is late with the next one.
  await pass(4 * 60_000);
  expect([await ends("once"), await ends("skip")]).toEqual([
    ["missed", "done", "done"],
    ["missed", "done"],
  ]);
});

test("other times than before: none of the past are missed", async () => {
  const term = new AbortController();
  const first = jobsOf({ schedule: { tidy: job({ at: "daily" }) } }).during(mine, term.signal);
  await pass(1_000);
  term.abort(new Error("a new release"));
  await first;
  await pass(3 * 3_600_000);
  void jobsOf({ schedule: { tidy: job({ at: "hourly" }) } }).during({ epoch: 4, release: "r2" }, over.signal);
  await pass(60_000);
  expect(commands.started).toEqual([]);
});

test("by hand: not while it runs, not by another than the owner; and no time is taken by it", async () => {
  const jobs = jobsOf({ schedule: { tidy: job({ retry: 1 }) } });
  void jobs.during(mine, over.signal);
  await pass(1_000);
  const tidy = jobs.job("tidy");
  const end = await tidy?.take(mine, "ann@laptop", 30);
  await expect(tidy?.take(mine, "bob@laptop", 30)).rejects.toThrow(Busy);
  await expect(tidy?.take({ epoch: 2, release: "r1" }, "bob@laptop", 30)).rejects.toThrow("another instance");
  await pass(60_000);
  expect(commands.started).toEqual([]);
  await end?.({ how: "failed", exitCode: 1, seconds: 60 });
  await pass(60_000);
  expect(commands.started).toHaveLength(1);
  const history = (await state("tidy"))?.history ?? [];
  expect(history.map(({ how }) => how)).toEqual(["missed", "failed", "done"]);
  expect(history[1]).toMatchObject({ by: "ann@laptop" });
});

test("what an agent that was cut off left running is ended, said, and not run again", async () => {
  commands.begins = () => {};
  const cut = new AbortController();
  void jobsOf({ schedule: { tidy: job({ at: "hourly" }) } }).during(mine, over.signal);
  await pass(3_600_000 - 20_000);
  expect(commands.started).toHaveLength(1);
  const [left] = commands.started;
  if (left !== undefined) left.onStop = () => {};
  void jobsOf({ schedule: { tidy: job({ at: "hourly" }) } }).during(mine, cut.signal);
  await pass(10_000);
  expect(left?.stopped).toBe(true);
  expect((await state("tidy"))?.history).toEqual([
    expect.objectContaining({ how: "interrupted", due: "2026-11-26T13:00:00.000Z" }),
  ]);
  await pass(60_000);
  expect(commands.started).toHaveLength(1);
  cut.abort(new Error("end of the test"));
});

test("a worker runs as long as this instance has the site, and one that ends again and again is reported once", async () => {
  const term = new AbortController();
  const ended = jobsOf({ worker: { queue: worker({ memory: 200 }) } }).during(mine, term.signal);
  await pass(1_000);
  expect([...workers.values()]).toEqual([
    {
      ...{ unit: "everspot-worker-queue@r1.service", description: "The worker queue", memory: "200M" },
      ...{ words: ["/bin/sh", "-c", "celery worker"], stop: 20, restarts: 0 },
    },
  ]);
  expect(seen).toEqual([[{ name: "queue", state: "active", restarts: 0 }]]);
  for (let i = 1; i <= 8; i++) {
    for (const one of workers.values()) one.restarts = i;
    await pass(20_000);
  }
  expect(alarms).toEqual([expect.stringMatching(/^the worker queue ended 5 times within \d+ s$/)]);
  term.abort(new Error("the site went"));
  await pass(4_000);
  await ended;
  expect([workers.size, seen.at(-1)]).toEqual([0, []]);
});

test("a worker of another release ends before that of this one begins", async () => {
  const before = new AbortController();
  const jobs = jobsOf({ worker: { queue: worker() } });
  void jobs.during(mine, before.signal);
  await pass(1_000);
  before.abort(new Error("a new release"));
  void jobs.during({ epoch: 3, release: "r2" }, over.signal);
  await pass(2_000);
  expect([...workers.keys()]).toEqual(["everspot-worker-queue@r1.service"]);
  await pass(2_000);
  expect([...workers.keys()]).toEqual(["everspot-worker-queue@r2.service"]);
});

test("another instance asks: all end, it is told so, and they go on where it does not come", async () => {
  const jobs = jobsOf({ schedule: { tidy: job() }, worker: { queue: worker() } });
  void jobs.during(mine, over.signal);
  await pass(1_000);
  const asked = askToYield({ store: local.store, clock }, { by: "i-2", of: "i-1" }, 20, over.signal);
  await pass(500);
  expect(workers.size).toBe(1);
  await jobs.look();
  await pass(2_000);
  expect((await readDocument(local.store, yieldDocument)).value?.stopped).toBeUndefined();
  await pass(2_000);
  expect([workers.size, await asked]).toEqual([0, true]);
  await pass(100_000);
  // It was heard already.
  await jobs.look();
  expect([workers.size, commands.started.length]).toEqual([0, 0]);
  await pass(25_000);
  expect([workers.size, commands.started.length]).toEqual([1, 1]);
});

test("whoever does not answer is waited for no longer than jobs have, and the margin", async () => {
  let ended: boolean | undefined;
  const asking = askToYield({ store: local.store, clock }, { by: "i-2", of: "i-1" }, 20, over.signal);
  void asking.then((done) => {
    ended = done;
  });
  await pass(29_000);
  expect(ended).toBeUndefined();
  await pass(2_000);
  expect(ended).toBe(false);
});

test("an instance that does not own the site, or is not the one that is asked, answers nothing", async () => {
  const jobs = jobsOf({ worker: { queue: worker() } });
  void jobs.during(mine, over.signal);
  await pass(1_000);
  void askToYield({ store: local.store, clock }, { by: "i-2", of: "i-9" }, 5, over.signal).catch(() => {});
  await pass(500);
  await jobs.look();
  await pass(5_000);
  expect(workers.size).toBe(1);
});
