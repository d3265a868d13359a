import { describe, expect, test } from "vitest";
import { type Member, planFleet } from "./fleet-plan.ts";

const member = (id: string, more: Partial<Member> = {}): Member => ({
  id,
  market: "spot",
  pending: false,
  launched: Number(id.replace(/\D/g, "")),
  atRisk: false,
  ...more,
});
const nothing = { launch: 0, terminate: [], replaced: [] };

describe("a fleet", () => {
  test("launches what is missing", () => {
    expect(planFleet(2, [member("i1")], "no-termination")).toEqual({ ...nothing, launch: 1 });
  });
  test("is content with what comes up", () => {
    expect(planFleet(1, [member("i1", { pending: true })], "no-termination")).toEqual(nothing);
  });
  test("keeps too many with no-termination", () => {
    expect(planFleet(1, [member("i1"), member("i2")], "no-termination")).toEqual(nothing);
  });
  test("ends the newest with termination", () => {
    const plan = planFleet(1, [member("i2"), member("i3"), member("i1")], "termination");
    expect(plan).toEqual({ ...nothing, terminate: ["i3", "i2"] });
  });
  test("replaces what is at risk, and lets it go once the new one runs", () => {
    const old = member("i1", { atRisk: true });
    expect(planFleet(1, [old], "no-termination")).toEqual({ ...nothing, launch: 1 });
    expect(planFleet(1, [old, member("i2", { pending: true })], "no-termination")).toEqual(nothing);
    expect(planFleet(1, [old, member("i2")], "no-termination")).toEqual({ ...nothing, replaced: ["i1"] });
  });
  test("never grows beyond twice its target while it replaces", () => {
    const old = member("i1", { atRisk: true });
    expect(planFleet(1, [old, member("i2", { atRisk: true })], "no-termination")).toEqual(nothing);
  });
});
