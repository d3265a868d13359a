import { expect, test } from "vitest";
import type { BootRecord } from "../../../agent/site/boot-record.ts";
import type { ObjectStore } from "../../../agent/site/store.ts";
import { servesAnything } from "../../../provisioner/boots/any-release.ts";

const store = { url: "s3://bucket" } as ObjectStore;

const failed = (attempt: number, more: Partial<BootRecord> = {}): BootRecord => ({
  ...{ version: 2, site: "blog", instance: "i-1", bootId: "b", agent: "a", attempt, state: "failed" },
  ...{ started: "2026-11-21T12:00:00.000Z", updated: "2026-11-21T12:00:01.000Z", warnings: [] },
  steps: [
    { phase: "boot", name: "app", needs: [], start: 0, seconds: 1, state: "failed", error: "it ended" },
  ],
  ...more,
});

const judge = (earlier: BootRecord[], release?: string) =>
  servesAnything({ store }, "fleet-1", { boots: earlier, release });

test("a boot that failed before is no answer: it has two more attempts", async () => {
  const { judge: look } = judge([failed(7)]);
  expect(await look(failed(7))).toBeUndefined();
  expect(await look(failed(8))).toBeUndefined();
  expect(() => look(failed(9))).toThrow("i-1 does not come up: app failed: it ended");
});

test("another boot of the same instance begins again", async () => {
  const { judge: look } = judge([failed(7)]);
  expect(await look(failed(1, { bootId: "c" }))).toBeUndefined();
  expect(() => look(failed(2, { bootId: "c" }))).toThrow("does not come up");
});

test("that another release than the candidate failed is no answer", async () => {
  const { judge: look } = judge([], "r2");
  for (let attempt = 1; attempt < 9; attempt++)
    expect(await look(failed(attempt, { release: "r1" }))).toBeUndefined();
  expect(() => look(failed(9, { release: "r2" }))).toThrow("does not come up");
});

test("that no release is found although one was published is no answer for a minute", async () => {
  const { judge: look } = judge([], "r2");
  const steps = failed(1).steps.map((s) => ({
    ...s,
    name: "release",
    error: "no release was published yet",
  }));
  for (let attempt = 1; attempt < 6; attempt++)
    expect(await look(failed(attempt, { steps }))).toBeUndefined();
  expect(() => look(failed(6, { steps }))).toThrow("does not come up");
  const { judge: none } = judge([]);
  expect(await none(failed(1, { steps }))).toBeUndefined();
  expect(() => none(failed(2, { steps }))).toThrow("does not come up");
});

test("one that knows of another that has the site is an answer, one that is on its way is none", async () => {
  const { judge: look } = judge([]);
  for (const state of ["serving", "standby", "forwarding"] as const) {
    const boot = failed(1, { state });
    expect(await look(boot)).toEqual({ done: boot });
  }
  expect(await look(failed(1, { state: "booting" }))).toBeUndefined();
});
