import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { nextOf, YIELDING } from "../../../agent/ownership/state-swap.ts";
import { readDocument } from "../../../agent/site/document.ts";
import { siteDocument } from "../../../agent/site/documents/site-state.ts";
import { ManualClock } from "../../cloud/manual-clock.ts";
import { type LocalState, startState } from "../state/local.ts";
import { type Instance, World } from "./state-world.ts";

let local: LocalState;
let clock: ManualClock;
let world: World;
let old: Instance;
let next: Instance;

beforeAll(async () => {
  local = await startState();
});
afterAll(() => local.close());
beforeEach(async () => {
  await local.next();
  clock = new ManualClock();
  world = new World(local, clock);
  old = world.instance("i-1", 1_000);
  next = world.instance("i-2", 2_000);
  await old.takes();
  expect(await old.write("before")).toBe(true);
});

/** A step after the other, with a new agent for each one that dies, until nothing is to be waited for. */
async function until(one: Instance, wanted: "passed on" | "owner"): Promise<void> {
  for (let tries = 0; tries < 40; tries++) {
    const done = await one.yields();
    if (done === wanted || (typeof done === "object" && wanted === "owner")) return;
    await clock.advance(1_000);
  }
  throw new Error(`it never came to "${wanted}": ${one.steps.join(", ")}`);
}

async function nothingLost(): Promise<void> {
  const seen = await world.visible();
  expect(world.acknowledged.filter((what) => !seen.has(what))).toEqual([]);
}

test("what there is decides what comes next, and never the other way round", () => {
  const all = { held: true, ended: true, log: "sealed", opened: false, over: false } as const;
  expect(nextOf({ ...all, held: false, ended: false, log: "unsealed" })).toBe("hold");
  expect(nextOf({ ...all, ended: false, log: "unsealed" })).toBe("seal");
  expect(nextOf({ ...all, log: "unsealed" })).toBe("seal");
  // One that was fenced has an app to end all the same.
  expect(nextOf({ ...all, ended: false, log: "fenced", opened: true })).toBe("seal");
  expect(nextOf(all)).toBe("wait");
  expect(nextOf({ ...all, opened: true, over: true })).toBe("pass on");
  expect(nextOf({ ...all, over: true })).toBe("go back");
});

test("a swap: the old one holds, seals, waits for `open`, and passes on what it held", async () => {
  await next.takes("claim");
  expect(await old.yields()).toBe("wait");
  expect(old.steps).toEqual(["hold", "seal"]);
  expect(old).toMatchObject({ door: "waits", app: false, mayRun: false });
  expect(await old.write("late")).toBe(false);
  await next.takes("start");
  expect(await old.yields()).toBe("wait");
  expect(await next.write("too early")).toBe(false);
  await next.takes("open");
  // The records have not moved, and site.json says "claiming" still.
  expect(await old.yields()).toBe("passed on");
  expect(old.door).toEqual({ to: "10.0.0.2" });
  expect(await next.write("after")).toBe(true);
  await nothingLost();
});

describe("the agent of the old one dies at each step, and another goes on", () => {
  const goingBack = YIELDING.slice(YIELDING.indexOf("claim back"));
  test.each(YIELDING)("%s", async (step) => {
    await next.takes("claim");
    old.dies = step;
    if (goingBack.includes(step)) {
      await next.takes("start");
      await until(old, "owner");
      expect(await old.write("after")).toBe(true);
      // The other one is told so by the log, whatever it does.
      await expect(next.open()).rejects.toThrow("has the log");
    } else {
      await old.yields();
      await next.takes("open");
      await until(old, "passed on");
      expect(await next.write("after")).toBe(true);
    }
    expect(old.dies).toBeUndefined();
    await nothingLost();
  });
});

describe("the new one dies", () => {
  test.each(["claim", "fence", "start"] as const)(
    "after its %s: the old one takes the site back",
    async (step) => {
      await next.takes(step);
      await old.yields();
      await clock.advance(9_000);
      expect(await old.yields()).toBe("wait");
      await clock.advance(1_000);
      await until(old, "owner");
      expect(old.door).toBe("app");
      expect(await old.write("after")).toBe(true);
      await nothingLost();
    },
  );
  test("and EC2 says so: no one waits for the pause", async () => {
    await next.takes("fence");
    world.fleet.peers = world.fleet.peers.map((p) => ({
      ...p,
      ...(p.instance === "i-2" ? { state: "terminated", alive: false } : {}),
    }));
    expect(await old.yields()).toMatchObject({ owner: true });
    expect(clock.now()).toBe(new ManualClock().now());
  });
  test("after its `open`: the old one takes back what that one has acknowledged, too", async () => {
    await next.takes("open");
    expect(await next.write("of the new one")).toBe(true);
    await old.yields();
    await until(old, "passed on");
    next.app = false;
    world.fleet.peers = world.fleet.peers.map((p) => ({
      ...p,
      ...(p.instance === "i-2" ? { state: "terminated", alive: false } : {}),
    }));
    expect(await old.takesBack()).toMatchObject({ owner: true });
    expect(await world.visible()).toContain("of the new one");
    await nothingLost();
  });
});

test("an `open` that comes just before the old one goes back counts: it takes over like anybody else", async () => {
  await next.takes("start");
  await old.yields();
  await clock.advance(10_000);
  const { take } = old;
  old.take = async (how) => {
    old.take = take;
    const claim = await take.call(old, how);
    await next.open();
    next.door = "app";
    expect(await next.write("acknowledged at the last moment")).toBe(true);
    return claim;
  };
  await until(old, "owner");
  expect(await next.write("too late")).toBe(false);
  await nothingLost();
  expect(await world.visible()).toContain("acknowledged at the last moment");
});

test("an app that does not start again leaves the site to whoever comes; it is tried again", async () => {
  await next.takes("claim");
  await old.yields();
  await clock.advance(10_000);
  old.broken = true;
  await expect(old.yields()).rejects.toThrow("does not start");
  expect(old.door).toBe("waits");
  old.broken = false;
  await until(old, "owner");
  expect(await old.write("after")).toBe(true);
  await nothingLost();
});

test("one that slept while another took the site ends its app, and passes on", async () => {
  await next.takes("serving");
  // It has not heard of anything, and its app answers; the log refuses what it writes.
  expect(await old.write("of a zombie")).toBe(false);
  expect(old.state).toBe("fenced");
  expect(await old.yields()).toBe("passed on");
  expect(old.steps).toEqual(["hold", "seal", "pass on"]);
  expect(old).toMatchObject({ app: false, mayRun: false, door: { to: "10.0.0.2" } });
  await nothingLost();
});

test("a machine that AWS takes seals, and does not go back to its own", async () => {
  old.leaves = true;
  await old.close();
  for (let i = 0; i < 30; i++) {
    expect(await old.yields()).toBe("wait");
    await clock.advance(1_000);
  }
  expect(old).toMatchObject({ app: false, mayRun: false, door: "closed" });
  await next.takes("open");
  expect(await old.yields()).toBe("passed on");
});

test("a claim that came to nothing is taken from a machine that EC2 knows, after two minutes and not before", async () => {
  await next.takes("open");
  await until(old, "passed on");
  const third = world.instance("i-3", 3_000);
  await third.takes("fence");
  expect(await old.takesBack()).toBeUndefined();
  await clock.advance(119_000);
  expect(await old.takesBack()).toBeUndefined();
  await clock.advance(2_000);
  expect(await old.takesBack()).toMatchObject({ owner: true });
  expect((await readDocument(local.store, siteDocument)).value).toMatchObject({ owner: "i-1", epoch: 4 });
});

test("but not from one that is open, however long its records take", async () => {
  await next.takes("open");
  await until(old, "passed on");
  await clock.advance(600_000);
  expect(await old.takesBack()).toBeUndefined();
});
