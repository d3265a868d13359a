import { expect, test } from "vitest";
import { diskUsed } from "../../../agent/system/disk.ts";
import { Rounds } from "../../../agent/system/rounds.ts";
import { describe as text, type WatchEvent } from "../../../agent/watch/events.ts";
import { healthWatcher } from "../../../agent/watch/health.ts";
import { type Watcher, watch } from "../../../agent/watch/loop.ts";
import { memoryUsed, pressureWatcher } from "../../../agent/watch/pressure.ts";
import { ManualClock } from "../../cloud/manual-clock.ts";

function run(
  watchers: Watcher[],
  react: (event: WatchEvent) => Promise<void> = async () => {},
  rounds = new Rounds(),
) {
  const clock = new ManualClock();
  const stop = new AbortController();
  const events: string[] = [];
  const troubles: string[] = [];
  const done = watch(watchers, {
    ...{ clock, rounds, signal: stop.signal },
    onEvent: async (event) => {
      events.push(text(event));
      await react(event);
    },
    onTrouble: (name, message) => troubles.push(`${name}: ${message ?? "well again"}`),
  });
  return {
    clock,
    events,
    troubles,
    async end() {
      stop.abort();
      await done;
    },
  };
}

test("a watcher that cannot look is reported once, holds up no other, and is reported when it can again", async () => {
  let looks = 0;
  let other = 0;
  const going = run([
    {
      name: "metadata",
      everySeconds: 5,
      look: async () => {
        looks++;
        if (looks >= 2 && looks <= 4) throw new Error("HTTP 500");
        return [];
      },
    },
    {
      name: "other",
      everySeconds: 10,
      look: async () => {
        other++;
        return [];
      },
    },
  ]);
  await going.clock.advance(30_000);
  await going.end();
  expect(going.troubles).toEqual(["metadata: HTTP 500", "metadata: well again"]);
  expect([looks, other]).toEqual([7, 4]);
  expect(going.clock.sleeping).toBe(0);
});

test("a reaction that fails is reported and does not end the watch", async () => {
  const going = run(
    [{ name: "w", everySeconds: 5, look: async () => [{ kind: "rebalance", time: 0 } as const] }],
    async () => {
      throw new Error("no capacity");
    },
  );
  await going.clock.advance(5_000);
  await going.end();
  expect(going.events).toHaveLength(2);
  expect(going.troubles).toEqual([
    "reaction to rebalance: no capacity",
    "reaction to rebalance: no capacity",
  ]);
});

test("an app that fails is reported after each further minute, a short failure never", async () => {
  const answers = new Map<number, boolean>();
  const clock = new ManualClock();
  const watcher = healthWatcher(
    async () => ({ ok: answers.get(clock.now()) ?? true, seen: "HTTP 500" }),
    clock,
  );
  const start = clock.now();
  const fail = (from: number, to: number) => {
    for (let s = from; s <= to; s += 10) answers.set(start + s * 1000, false);
  };
  fail(10, 50);
  fail(100, 240);
  const seen: string[] = [];
  for (let s = 0; s <= 260; s += 10) {
    seen.push(...(await watcher.look()).map((e) => `${s}: ${text(e)}`));
    await clock.advance(10_000);
  }
  expect(seen).toEqual([
    "160: the app has been failing its health check for 60 s: HTTP 500",
    "220: the app has been failing its health check for 120 s: HTTP 500",
    "250: the app answers its health check again after 150 s",
  ]);
});

test("pressure is reported once until it is over", async () => {
  const disk = [50, 95, 97, 60, 91];
  const watcher = pressureWatcher({ disk: async () => disk.shift() ?? 0, memory: async () => 10 });
  const seen: string[] = [];
  for (let i = 0; i < 5; i++) seen.push(...(await watcher.look()).map(text));
  expect(seen).toEqual(["disk is 95 % full", "disk is 91 % full"]);
});

test("disk and memory are read from the system", async () => {
  expect(await diskUsed("/")).toBeGreaterThan(0);
  expect(memoryUsed("MemTotal:  1000 kB\nMemFree: 5 kB\nMemAvailable:   250 kB\n")).toBe(75);
});

test("one watcher that hangs keeps the supervisor from hearing that all is well; so does a reaction", async () => {
  const quick: Watcher = { name: "quick", everySeconds: 5, look: async () => [] };
  const hear = () => {
    const heard: number[] = [];
    const clock = new ManualClock();
    return {
      heard,
      clock,
      rounds: new Rounds({ alive: async () => void heard.push(clock.now()) }, undefined, clock),
    };
  };
  const hangs: Watcher = { name: "hangs", everySeconds: 10, look: () => new Promise(() => {}) };
  const tells: Watcher = {
    name: "tells",
    everySeconds: 10,
    look: async () => [{ kind: "rebalance", time: 0 }],
  };
  const of = async (watchers: Watcher[], react?: () => Promise<void>) => {
    const { heard, clock, rounds } = hear();
    const options = { onEvent: react ?? (async () => {}), onTrouble: () => {}, clock, rounds };
    void watch(watchers, { ...options, signal: new AbortController().signal });
    await clock.advance(300_000);
    return heard.length;
  };
  expect(await of([quick, tells])).toBeGreaterThan(10);
  expect(await of([quick, hangs])).toBeLessThanOrEqual(1);
  expect(await of([quick, tells], () => new Promise(() => {}))).toBeLessThanOrEqual(1);
});
