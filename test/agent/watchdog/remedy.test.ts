import { expect, test } from "vitest";
import type { Channel } from "../../../agent/site/records.ts";
import { demote, fallbackOf } from "../../../agent/watchdog/fallback.ts";
import { type Patient, type Remedy, remedyFor } from "../../../agent/watchdog/remedy.ts";

const patient = (seconds: number, tried: Remedy[], more: Partial<Patient> = {}): Patient => ({
  seconds,
  tried: new Set(tried),
  good: true,
  fallback: "r1",
  ...more,
});

test.each<[string, Patient, Remedy | undefined]>([
  ["a moment of failing is nothing", patient(59, []), undefined],
  ["a minute is", patient(60, []), "restart"],
  ["and then patience", patient(119, ["restart"]), undefined],
  ["a good release does not get better by an older one", patient(120, ["restart"]), "replace"],
  ["one that never was good does", patient(120, ["restart"], { good: false }), "fall back"],
  ["if there is one", patient(120, ["restart"], { good: false, fallback: undefined }), "replace"],
  ["once", patient(180, ["restart", "fall back"], { good: false }), "replace"],
  ["and again while it fails", patient(240, ["restart", "replace"]), "replace"],
])("%s", (_, one, remedy) => {
  expect(remedyFor(one)).toBe(remedy);
});

const channel = (fields: Partial<Channel>): Channel => ({
  version: 1,
  nonce: "",
  counter: 3,
  quarantined: [],
  ...fields,
});

test("the release to go back to is the last known good, else the one before, never a bad one", () => {
  expect(fallbackOf(channel({ current: "r3", previous: "r2", lastKnownGood: "r1" }), "r3")).toBe("r1");
  expect(fallbackOf(channel({ current: "r3", previous: "r2" }), "r3")).toBe("r2");
  expect(fallbackOf(channel({ current: "r3", lastKnownGood: "r3", previous: "r2" }), "r3")).toBe("r2");
  const bad = [{ id: "r2", at: "", reason: "" }];
  expect(fallbackOf(channel({ current: "r3", previous: "r2", quarantined: bad }), "r3")).toBeUndefined();
  expect(fallbackOf(undefined, "r3")).toBeUndefined();
});

test("a release that proved bad is out, and no candidate is lost over it", () => {
  const before = channel({ current: "r3", previous: "r2", candidate: { id: "r4", attempts: [] } });
  expect(demote(before, "r3", "r2", "hung", "now")).toMatchObject({
    current: "r2",
    candidate: { id: "r4" },
    quarantined: [{ id: "r3", reason: "hung" }],
  });
  expect(demote(before, "r3", "r2", "hung", "now")).not.toHaveProperty("previous");
  expect(demote(channel({ current: "r4" }), "r3", "r2", "hung", "now")).toBeUndefined();
});
