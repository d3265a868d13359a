import { expect, test } from "vitest";
import { tidy } from "../../../agent/handover/tidy.ts";
import { TestFleet } from "./fleet.ts";

const launched = new Date("2026-11-21T12:00:00Z");
const before = new Date(launched.getTime() - 60_000);

function site(more: { handingOver?: boolean[]; owned?: number; owns?: boolean; onDemand?: boolean } = {}) {
  const me = { instance: "i-1", launched, onDemand: more.onDemand ?? false };
  const fleet = new TestFleet();
  fleet.now = { total: 2, bridge: 0 };
  fleet.add("i-1", launched);
  const answers = [...(more.handingOver ?? [])];
  const run = () =>
    tidy({
      ...{ me, fleet },
      peers: fleet,
      handingOver: async () => answers.shift() ?? false,
      owns: async () => more.owns ?? true,
      ownedSeconds: () => more.owned ?? 0,
      drain: 90,
    });
  return { fleet, run };
}

test("puts the target back to one, and leaves an old instance its drain", async () => {
  const { fleet, run } = site({ owned: 100 });
  fleet.add("i-0", before);
  await run();
  expect(fleet.asked).toEqual([{ total: 1 }]);
  await run();
  expect(fleet.asked).toHaveLength(1);
});

test("ends an old instance that outlived its drain, after the target was lowered", async () => {
  const { fleet, run } = site({ owned: 121 });
  fleet.add("i-0", before);
  fleet.add("i-gone", before, false);
  await run();
  expect(fleet.asked).toEqual([{ total: 1 }, "i-0"]);
});

test("ends nothing once another has the site, though it has not heard of that yet", async () => {
  const { fleet, run } = site({ owned: 121, owns: false });
  fleet.add("i-0", before);
  await run();
  expect(fleet.asked).toEqual([{ total: 1 }]);
});

test("touches nothing while a deploy runs, even one that began just now, or a younger instance comes", async () => {
  const running = site({ handingOver: [true], owned: 500 });
  await running.run();
  expect(running.fleet.asked).toEqual([]);

  const begun = site({ handingOver: [false, true] });
  await begun.run();
  expect(begun.fleet.asked).toEqual([]);

  const younger = site({ owned: 500 });
  younger.fleet.add("i-2", new Date(launched.getTime() + 1_000));
  younger.fleet.add("i-0", before);
  await younger.run();
  expect(younger.fleet.asked).toEqual([]);
});

test("an on-demand instance that bridges stays", async () => {
  const { fleet, run } = site({ onDemand: true });
  fleet.now = { total: 2, bridge: 1 };
  await run();
  expect(fleet.asked).toEqual([{ total: 1 }]);
  await run();
  expect(fleet.asked).toHaveLength(1);
});

test("a spot instance after a bridge: no on-demand instance is wanted any more", async () => {
  const { fleet, run } = site({ owned: 121 });
  fleet.now = { total: 1, bridge: 1 };
  fleet.add("i-0", before);
  await run();
  expect(fleet.asked).toEqual([{ bridge: 0 }, "i-0"]);
});
