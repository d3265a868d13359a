import { expect, test } from "vitest";
import { ensureReplacement } from "../../../agent/handover/replacement.ts";
import { ManualClock } from "../../cloud/manual-clock.ts";
import { TestFleet } from "./fleet.ts";

function needing(bridge: boolean, noticed = true) {
  const clock = new ManualClock();
  const fleet = new TestFleet();
  const me = { instance: "i-0", launched: new Date(clock.now()), onDemand: false };
  fleet.add(me.instance, me.launched);
  const stop = new AbortController();
  const done = ensureReplacement({
    ...{ me, fleet, clock, bridge, noticed },
    peers: fleet,
    onProgress: () => {},
    signal: stop.signal,
  });
  return { clock, fleet, stop, done, me };
}

test("a fleet that launches by itself is asked for nothing", async () => {
  const { clock, fleet, done, me } = needing(true);
  await clock.advance(5_000);
  fleet.add("i-1", new Date(me.launched.getTime() + 3_000));
  await clock.advance(15_000);
  expect(await done).toBe("i-1");
  expect(fleet.asked).toEqual([]);
});

test("an older instance, or one that is gone, is no replacement", async () => {
  const { clock, fleet, stop, done, me } = needing(false);
  fleet.add("i-old", new Date(me.launched.getTime() - 1_000));
  fleet.add("i-gone", new Date(me.launched.getTime() + 1_000), false);
  await clock.advance(20_000);
  expect(fleet.asked).toEqual([{ total: 2 }]);
  stop.abort(new Error("told to stop"));
  await expect(done).rejects.toThrow("told to stop");
});

test("after 45 s without one an on-demand instance is asked for, if that is allowed", async () => {
  const allowed = needing(true);
  await allowed.clock.advance(44_000);
  expect(allowed.fleet.asked).toEqual([{ total: 2 }]);
  await allowed.clock.advance(6_000);
  expect(allowed.fleet.asked).toEqual([{ total: 2 }, { bridge: 1 }]);
  allowed.fleet.add("i-2", new Date(allowed.clock.now()));
  await allowed.clock.advance(15_000);
  expect(await allowed.done).toBe("i-2");

  const not = needing(false);
  await not.clock.advance(120_000);
  expect(not.fleet.asked).toEqual([{ total: 2 }]);
  not.stop.abort(new Error("told to stop"));
  await expect(not.done).rejects.toThrow();
});

test("of an instance that AWS knows nothing of, a second one is asked for at once", async () => {
  const { fleet, done, clock, me } = needing(false, false);
  await clock.advance(0);
  expect(fleet.asked).toEqual([{ total: 2 }]);
  // EC2 counts launches in seconds.
  fleet.add("i-1", me.launched);
  await clock.advance(15_000);
  expect(await done).toBe("i-1");
});

test("an instance that bridges is no member of the fleet it asks: a target of one brings another", async () => {
  const clock = new ManualClock();
  const fleet = new TestFleet();
  fleet.now = { total: 0, bridge: 1 };
  const stop = new AbortController();
  const me = { instance: "i-0", launched: new Date(clock.now()), onDemand: true };
  const how = {
    clock,
    bridge: false,
    noticed: false,
    peers: fleet,
    onProgress: () => {},
    signal: stop.signal,
  };
  const done = ensureReplacement({ me, fleet, ...how });
  await clock.advance(0);
  expect(fleet.asked).toEqual([{ total: 1 }]);
  stop.abort(new Error("enough"));
  await expect(done).rejects.toThrow("enough");
});

test("an instance that EC2 shows once more although it has ended is no replacement", async () => {
  const { clock, fleet, done, me } = needing(false, false);
  fleet.add("i-ended", new Date(me.launched.getTime() + 1_000));
  await clock.advance(5_000);
  fleet.peers = fleet.peers.map((p) => (p.instance === "i-ended" ? { ...p, alive: false } : p));
  await clock.advance(5_000);
  expect(fleet.asked).toEqual([{ total: 2 }]);
  fleet.add("i-1", new Date(clock.now()));
  await clock.advance(15_000);
  expect(await done).toBe("i-1");
});

test("a target that shows what it was before is asked for when it shows what it is", async () => {
  const { clock, fleet, stop, done } = needing(false, false);
  fleet.now = { total: 2, bridge: 0 };
  await clock.advance(4_000);
  expect(fleet.asked).toEqual([]);
  fleet.now = { total: 1, bridge: 0 };
  await clock.advance(5_000);
  expect(fleet.asked).toEqual([{ total: 2 }]);
  stop.abort(new Error("enough"));
  await expect(done).rejects.toThrow("enough");
});
