import { expect, test } from "vitest";
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
