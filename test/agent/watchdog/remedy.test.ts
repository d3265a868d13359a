import { expect, test } from "vitest";
import { type FailingApp, type Remedy, remedyFor } from "../../../agent/watchdog/remedy.ts";

const failing = (seconds: number, tried: Remedy[], more: Partial<FailingApp> = {}): FailingApp => ({
  seconds,
  tried: new Set(tried),
  good: true,
  fallback: "r1",
  ...more,
});

test.each<[string, FailingApp, Remedy | undefined]>([
  ["a moment of failing is nothing", failing(59, []), undefined],
  ["a minute is", failing(60, []), "restart"],
  ["and then patience", failing(119, ["restart"]), undefined],
  ["a good release does not get better by an older one", failing(120, ["restart"]), "replace"],
  ["one that never was good does", failing(120, ["restart"], { good: false }), "fall back"],
  ["if there is one", failing(120, ["restart"], { good: false, fallback: undefined }), "replace"],
  ["once", failing(180, ["restart", "fall back"], { good: false }), "replace"],
  ["and again while it fails", failing(240, ["restart", "replace"]), "replace"],
])("%s", (_, one, remedy) => {
  expect(remedyFor(one)).toBe(remedy);
});
