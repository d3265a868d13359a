/** A week of jobs, with replacements at the worst moments: every due time ran once, or is named as missed or interrupted. */
import { afterEach, beforeEach, expect, test } from "vitest";
import type { JobConfig } from "../../../agent/jobs/job.ts";
import { Jobs, type JobsContext } from "../../../agent/jobs/jobs.ts";
import { readAt } from "../../../agent/site/jobs/at.ts";
import { timesAfter } from "../../../agent/site/jobs/calendar.ts";
import type { JobState } from "../../../agent/site/jobs/documents.ts";
import type { ObjectStore } from "../../../agent/site/store.ts";
import { ManualClock } from "../../cloud/manual-clock.ts";
import { type LocalS3, startS3 } from "../site/s3.ts";
import { Calls } from "./calls.ts";
import { Commands, type Played } from "./command.ts";

const HOUR = 3600_000;
const WEEK = 7 * 24 * HOUR;
/** Summer time ends on the second day. */
const START = Date.parse("2026-10-24T06:00:00Z");

const job = (at: string, change: Partial<JobConfig> = {}): JobConfig => ({
  ...{
    run: "true",
    at,
    zone: "Europe/Berlin",
    timeout: 3 * 3600,
    missed: "once",
    retry: 0,
    stop: 10,
    ...change,
  },
});
/** Minutes that each takes: some are due again before they end. */
const SCHEDULE: Readonly<Record<string, JobConfig & { minutes: number }>> = {
  often: { ...job("0/2:00"), minutes: 7 },
  long: { ...job("0 */3 * * *", { missed: "skip" }), minutes: 170 },
  nightly: { ...job("*-*-* 02:30", { zone: "UTC" }), minutes: 90 },
  endless: { ...job("Mon,Thu 12:00", { timeout: 1800 }), minutes: Number.POSITIVE_INFINITY },
};

let clock: ManualClock;
let calls: Calls;
let local: LocalS3;
let world: World;
beforeEach(async () => {
  clock = new ManualClock(START);
  calls = new Calls();
  const started = await startS3({ now: () => clock.now() });
  local = { ...started, store: calls.of(started.store) };
  world = new World();
});
afterEach(async () => {
  world.close();
  calls.stop();
  await local.close();
});
const pass = (ms: number) => clock.advance(ms, () => calls.quiet());

/** What a machine does at a moment: what is done there instead of going on. */
type Moment = "before the claim" | "after the claim" | "the answer is lost" | "mid-run" | "idle";
/** How it loses the site. `zombie`: it goes on, and hears of it only after a while. */
type Way = "dies" | "is told" | "zombie";

interface Machine {
  id: string;
  epoch: number;
  jobs: Jobs;
  commands: Commands;
  term: AbortController;
  dead: boolean;
  running: Map<string, Played>;
}

class World {
  readonly machines: Machine[] = [];
  /** Of each start of a command: the job, when, and on which machine. */
  readonly started: { job: string; due: string; at: number; on: string; attempt: number }[] = [];
  readonly overlaps: string[] = [];
  readonly history = new Map<string, JobState["history"]>();
  #armed: { moment: Moment; run(machine: Machine): void } | undefined;
  #owner: Machine | undefined;
  #epoch = 0;

  get owner(): Machine {
    if (this.#owner === undefined) throw new Error("nobody has the site");
    return this.#owner;
  }

  launch(): Machine {
    const id = `i-${++this.#epoch}`;
    const commands = new Commands();
    const term = new AbortController();
    const running = new Map<string, Played>();
    const machine: Machine = {
      id,
      epoch: this.#epoch,
      commands,
      term,
      running,
      dead: false,
      jobs: undefined as never,
    };
    commands.begins = (played) => this.#begins(machine, played);
    const own = { epoch: this.#epoch, release: "r1" };
    const context: JobsContext = {
      ...{ instance: id, units: commands.units, start: commands.start, state: undefined },
      clock: { now: () => clock.now(), sleep: (ms, signal) => whileAlive(machine, clock.sleep(ms, signal)) },
      store: this.#storeOf(machine),
      owned: () => (term.signal.aborted ? undefined : own),
      places: commands.places(id),
      peers: {
        find: async (one) => {
          const found = this.machines.find((m) => m.id === one);
          const state = found?.dead ? "terminated" : "running";
          return {
            instance: one,
            state,
            alive: state === "running",
            launched: new Date(0),
            privateAddress: undefined,
            fleet: undefined,
          };
        },
      },
      startLasting: async () => {},
      seen: () => {},
      tell: () => {},
      alarm: () => {},
      calm: () => {},
      ping: async () => {},
      signal: new AbortController().signal,
    };
    machine.jobs = new Jobs({ schedule: SCHEDULE as never }, context);
    this.machines.push(machine);
    this.#owner = machine;
    void machine.jobs.during(own, term.signal);
    return machine;
  }

  /** At the next such moment of the owner, or of this job alone. */
  at(moment: Moment, run: (machine: Machine) => void): void {
    this.#armed = { moment, run };
    if (moment === "idle") this.#strike("idle", this.owner);
  }

  get struck(): boolean {
    return this.#armed === undefined;
  }

  lose(machine: Machine, way: Way): void {
    if (way === "dies") {
      machine.dead = true;
      machine.running.clear();
    } else if (way === "is told") machine.term.abort(new Error("the site went"));
    else void clock.sleep(100_000).then(() => machine.term.abort(new Error("heard of it")));
  }

  close(): void {
    for (const machine of this.machines) {
      machine.dead = true;
      machine.term.abort(new Error("end of the test"));
      machine.commands.close();
    }
  }

  #strike(moment: Moment, machine: Machine): boolean {
    if (this.#armed?.moment !== moment || machine !== this.#owner) return false;
    const { run } = this.#armed;
    this.#armed = undefined;
    run(machine);
    return true;
  }

  #begins(machine: Machine, played: Played): void {
    const name = /^everspot-job-(\w+)@/.exec(played.options.unit)?.[1] ?? "";
    const { minutes = 0, timeout = 0 } = SCHEDULE[name] ?? {};
    for (const other of this.machines) {
      if (other.running.has(name)) this.overlaps.push(`${name} on ${other.id} and ${machine.id}`);
    }
    machine.running.set(name, played);
    const { due = "", attempt = 0 } = this.#claimed.get(`${machine.id} ${name}`) ?? {};
    this.started.push({ job: name, due, at: clock.now(), on: machine.id, attempt });
    const ends = (code: number, result = "success") => {
      machine.running.delete(name);
      played.result = result;
      if (!machine.dead) played.end(code);
    };
    // Asked to, it ends after a while.
    played.onStop = () => void clock.sleep(6_000).then(() => ends(143));
    void clock.sleep(Math.min(minutes * 60, timeout) * 1000).then(() => {
      if (!played.stopped && !machine.dead)
        ends(minutes * 60 > timeout ? 1 : 0, minutes * 60 > timeout ? "timeout" : "success");
    });
    void clock.sleep(90_000).then(() => {
      if (machine.running.get(name) === played) this.#strike("mid-run", machine);
    });
  }

  readonly #claimed = new Map<string, { due?: string | undefined; attempt: number }>();

  #storeOf(machine: Machine): ObjectStore {
    const { store } = local;
    const alive = <T>(promise: Promise<T>): Promise<T> => whileAlive(machine, promise);
    return {
      ...store,
      get: (key) => alive(store.get(key)),
      head: (key) => alive(store.head(key)),
      put: async (key, body, ...rest) => {
        const name = /^jobs\/(\w+)\.json$/.exec(key)?.[1];
        if (name === undefined) return alive(store.put(key, body, ...rest));
        const next = JSON.parse(String(body)) as JobState;
        const claims =
          next.running !== undefined &&
          next.running.instance === machine.id &&
          next.running.epoch === next.epoch;
        const first = claims && !this.#claimed.has(`${next.running?.id}`);
        const zombie =
          first && this.#strike("before the claim", machine) && !machine.dead && !machine.term.signal.aborted;
        if (machine.dead) return new Promise(() => {});
        // The next owner comes in between.
        if (zombie) await clock.sleep(45_000);
        const done = await store.put(key, body, ...rest);
        if (next.running !== undefined && claims) {
          this.#claimed.set(next.running.id, next.running);
          this.#claimed.set(`${machine.id} ${name}`, next.running);
        }
        const begun = next.running?.instance === machine.id ? next.running : undefined;
        if (begun !== undefined && begun.epoch < next.epoch && !this.#claimed.has(begun.id))
          this.overlaps.push(`${machine.id} began ${name}, and does not have the site`);
        this.#note(name, next);
        if (first) this.#strike("after the claim", machine);
        if (first && this.#strike("the answer is lost", machine)) throw new Error("socket hang up");
        return alive(Promise.resolve(done));
      },
    };
  }

  /** The history as a whole, of which the document keeps the newest. */
  #note(name: string, { history }: JobState): void {
    const known = this.history.get(name) ?? [];
    const texts = new Set(known.map((one) => JSON.stringify(one)));
    this.history.set(name, [...known, ...history.filter((one) => !texts.has(JSON.stringify(one)))]);
  }
}

const whileAlive = async <T>(machine: Machine, promise: Promise<T>): Promise<T> => {
  const done = await promise.catch((error: unknown) => {
    if (machine.dead) return new Promise<T>(() => {});
    throw error;
  });
  return machine.dead ? new Promise<T>(() => {}) : done;
};

/** Of each job: what became of each time that it was due. */
function fates(name: string): Map<string, string[]> {
  const { at, zone } = SCHEDULE[name] as JobConfig;
  const found = new Map<string, string[]>();
  for (const time of timesAfter(readAt(at), zone, START)) {
    if (time > clock.now()) break;
    found.set(new Date(time).toISOString(), []);
  }
  for (const one of world.history.get(name) ?? []) {
    for (const [due, fate] of found) {
      if (one.how === "missed" ? due >= one.due && due <= one.until : due === one.due) fate.push(one.how);
    }
  }
  return found;
}

const MOMENTS: Moment[] = ["before the claim", "after the claim", "the answer is lost", "mid-run", "idle"];
const WAYS: Way[] = ["dies", "is told", "zombie"];

test("every due time ran exactly once, or is named as missed or interrupted", async () => {
  world.launch();
  await pass(HOUR);
  const plays = [...MOMENTS, ...MOMENTS].flatMap((moment, i) => WAYS.map((way) => ({ moment, way, gap: i })));
  for (const { moment, way, gap } of plays) {
    // An answer that is lost is no reason to lose the site, unless it is; each is played.
    world.at(moment, (machine) => {
      if (moment === "the answer is lost" && gap < MOMENTS.length) return;
      world.lose(machine, way);
      void clock.sleep((20 + 700 * (gap % 3)) * 1000).then(() => world.launch());
    });
    await pass(3 * HOUR + 17 * 60_000);
    expect([moment, world.struck]).toEqual([moment, true]);
  }
  // One that has not heard of it is the first to wake up when a job is due.
  const due = Math.ceil(clock.now() / (2 * HOUR)) * 2 * HOUR + HOUR;
  await pass(due - clock.now() - 60_000);
  world.lose(world.owner, "zombie");
  void clock.sleep(15_000).then(() => world.launch());
  await pass(WEEK - (clock.now() - START));
  // What runs now may end.
  for (const name of Object.keys(SCHEDULE)) {
    const odd = [...fates(name)].filter(([, fate]) => fate.length !== 1);
    const now = world.started.filter((one) => one.job === name).at(-1)?.due;
    expect([name, odd.filter(([due]) => due !== now)]).toEqual([name, []]);
  }
  expect(world.overlaps).toEqual([]);
  const keys = world.started.map(({ job, due }) => `${job} ${due}`);
  expect(keys.filter((key, i) => keys.indexOf(key) !== i)).toEqual([]);
  // The most of it ran: otherwise nothing is said above.
  const all = [...fates("often").values()].flat();
  expect(all.filter((how) => how === "done").length).toBeGreaterThan(all.length * 0.8);
  expect([...fates("long").values()].flat()).toContain("missed");
  expect([...fates("endless").values()].flat().filter((how) => how === "timeout").length).toBeGreaterThan(0);
  const interrupted = [...world.history.values()].flat().filter(({ how }) => how === "interrupted");
  expect(interrupted.length).toBeGreaterThan(3);
}, 60_000);
