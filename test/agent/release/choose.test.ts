import { expect, test } from "vitest";
import { choose } from "../../../agent/release/choose.ts";
import type { Channel } from "../../../agent/site/channel.ts";

const at = "2026-11-21T00:00:00.000Z";
const empty: Channel = { version: 1, nonce: "n", counter: 3, quarantined: [] };
const full: Channel = {
  ...empty,
  candidate: { id: "r3", attempts: [] },
  current: "r2",
  previous: "r1",
  lastKnownGood: "r1",
};
const none = new Set<string>();

test("takes the candidate, then current, then the last known good", () => {
  expect(choose(full, none)).toEqual({ id: "r3", role: "candidate" });
  expect(choose(full, new Set(["r3"]))).toEqual({ id: "r2", role: "current" });
  expect(choose(full, new Set(["r3", "r2"]))).toEqual({ id: "r1", role: "lastKnownGood" });
  expect(choose(full, new Set(["r3", "r2", "r1"]))).toBeUndefined();
});

test("never takes what is quarantined", () => {
  const channel = { ...full, quarantined: [{ id: "r2", at, reason: "x" }] };
  expect(choose(channel, new Set(["r3"]))?.id).toBe("r1");
});

test("leaves a candidate alone whose two attempts brought no answer", () => {
  const attempts = [
    { instance: "i-1", at },
    { instance: "i-2", at },
  ];
  expect(choose({ ...full, candidate: { id: "r3", attempts } }, none)?.id).toBe("r2");
});

test("knows nothing to run on an empty channel", () => {
  expect(choose(empty, none)).toBeUndefined();
});
