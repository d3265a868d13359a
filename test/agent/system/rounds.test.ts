import { beforeEach, expect, test } from "vitest";
import { Rounds } from "../../../agent/system/rounds.ts";
import { ManualClock } from "../../cloud/manual-clock.ts";

let clock: ManualClock;
let rounds: Rounds;
let heard: number[];
let stuck: string[];
let start: number;
beforeEach(() => {
  clock = new ManualClock();
  start = clock.now();
  [heard, stuck] = [[], []];
  rounds = new Rounds(
    { alive: async () => void heard.push((clock.now() - start) / 1000) },
    (name, seconds) => stuck.push(`${name}, ${seconds} s`),
    clock,
  );
});

/** Keeps going, each turn with so much work, until a turn whose work never ends. */
function keepGoing(name: string, every: number, patience = 0, turns = Number.POSITIVE_INFINITY, work = 0) {
  const member = rounds.join(name, patience);
  const by = member.on(clock);
  void (async () => {
    for (let turn = 0; ; turn++) {
      if (turn === turns) await new Promise(() => {});
      if (work > 0) await clock.sleep(work * 1000);
      await by.sleep(every * 1000);
    }
  })();
  return member;
}
const last = () => heard.at(-1) ?? -1;

test("the supervisor hears that all is well, again and again, as long as everybody keeps going", async () => {
  keepGoing("quick", 5);
  keepGoing("slow", 60);
  await clock.advance(600_000);
  expect(heard.length).toBeGreaterThan(20);
  const gaps = heard.slice(1).map((at, i) => at - (heard[i] ?? 0));
  expect(Math.min(...gaps)).toBeGreaterThanOrEqual(20);
  expect(Math.max(...gaps)).toBeLessThanOrEqual(30);
  expect(stuck).toEqual([]);
});

test("one whose promise is left open keeps it from hearing, however lively the others are", async () => {
  keepGoing("quick", 5);
  keepGoing("other", 10);
  keepGoing("hangs", 10, 0, 4);
  await clock.advance(600_000);
  expect(last()).toBeLessThanOrEqual(60);
  expect(stuck).toEqual(["hangs, 60 s"]);
});

test("no one is taken for alive because of a timer: when all hang, nothing is heard", async () => {
  keepGoing("one", 5, 0, 10);
  keepGoing("other", 5, 0, 10);
  await clock.advance(600_000);
  expect(last()).toBeLessThanOrEqual(50);
});

test("a long sleep is no hang, unless its end does not come", async () => {
  keepGoing("quick", 5);
  keepGoing("hourly", 3600);
  await clock.advance(3_500_000);
  expect(last()).toBeGreaterThan(3_470);
  // Its wake-up is lost.
  const member = rounds.join("asleep");
  void member.on({ now: () => clock.now(), sleep: () => new Promise(() => {}) }).sleep(10_000);
  await clock.advance(600_000);
  expect(last()).toBeLessThanOrEqual(3_500 + 10 + 60 + 20);
});

test("work that may take long is waited for as long as that, and no longer", async () => {
  keepGoing("quick", 5);
  keepGoing("order", 60, 900, 3, 600);
  await clock.advance(1_900_000);
  expect(last()).toBeGreaterThan(1_880);
  await clock.advance(3_000_000);
  expect(last()).toBeGreaterThan(1_980 + 880);
  expect(last()).toBeLessThan(1_980 + 930);
});

test("slow turns of all, as while AWS does not answer, are no hang", async () => {
  keepGoing("one", 10, 0, undefined, 45);
  keepGoing("two", 10, 0, undefined, 92);
  keepGoing("three", 5, 0, undefined, 46);
  await clock.advance(3_600_000);
  const gaps = heard.slice(1).map((at, i) => at - (heard[i] ?? 0));
  expect(Math.max(...gaps)).toBeLessThanOrEqual(200);
});

test("who has left is waited for no more", async () => {
  keepGoing("quick", 5);
  const hangs = keepGoing("hangs", 10, 0, 1);
  await clock.advance(300_000);
  expect(last()).toBeLessThanOrEqual(20);
  hangs.leave();
  await clock.advance(30_000);
  expect(last()).toBeGreaterThanOrEqual(300);
});
