import { expect, test } from "vitest";
import { bootRecord, failedStep, stepLabel } from "../../../agent/site/boot-record.ts";

const about = {
  ...{ site: "blog", instance: "i-1", bootId: "b-1", attempt: 2, agent: "a".repeat(64) },
  ...{ started: "2026-11-21T10:00:00.000Z", updated: "2026-11-21T10:00:08.000Z" },
  ...{ state: "failed" as const, blame: "app: it died", release: "r000002-1a2b3c4d", warnings: ["odd"] },
  events: [{ at: "2026-11-21T10:00:09.000Z", text: "watching" }],
  inPlace: { deploy: "d", release: "r000003-1a2b3c4d", state: "failed" as const, reason: "app: no" },
};

/** As an agent of before wrote it. */
const version1 = {
  version: 1,
  ...about,
  steps: [
    { name: "bootstrap: credentials", needs: [], start: 0, seconds: 0.2, state: "done" },
    { name: "bootstrap: agent", needs: ["bootstrap: credentials"], start: 0.2, seconds: 1, state: "done" },
    { name: "identity", needs: [], start: 1.3, seconds: 0.1, state: "done", detail: "i-1" },
    {
      name: "packages",
      needs: ["identity"],
      start: 1.4,
      seconds: 2,
      state: "failed",
      error: "stopped: another step failed",
    },
    {
      name: "app",
      needs: ["prepare"],
      start: 2,
      seconds: 1.4,
      state: "failed",
      error: "it died",
      hint: "look",
      lines: ["x"],
    },
    { name: "in-place: healthy", needs: ["in-place: app"], start: 90, state: "running" },
  ],
};

const version2 = {
  version: 2,
  ...about,
  steps: [
    { phase: "bootstrap", name: "credentials", needs: [], start: 0, seconds: 0.2, state: "done" },
    { phase: "bootstrap", name: "agent", needs: ["credentials"], start: 0.2, seconds: 1, state: "done" },
    { phase: "boot", name: "identity", needs: [], start: 1.3, seconds: 0.1, state: "done", detail: "i-1" },
    { phase: "boot", name: "packages", needs: ["identity"], start: 1.4, seconds: 2, state: "stopped" },
    {
      ...{ phase: "boot", name: "app", needs: ["prepare"], start: 2, seconds: 1.4, state: "failed" },
      ...{ error: "it died", hint: "look", lines: ["x"], ownCode: true },
    },
    { phase: "in-place", name: "healthy", needs: ["app"], start: 90, state: "running", ownCode: true },
  ],
};

test("what an older agent wrote reads as what this one writes", () => {
  expect(bootRecord.parse(version1)).toEqual(version2);
});

test("what is written is read as it is", () => {
  expect(bootRecord.parse(version2)).toEqual(version2);
});

test("a field that a later agent adds is left out, not refused", () => {
  const [first, ...others] = version2.steps;
  const later = { ...version2, worker: "w", steps: [{ ...first, cost: 3 }, ...others] };
  expect(bootRecord.parse(later)).toEqual(version2);
});

test.each([
  ["a version that nobody knows", { ...version2, version: 3 }],
  ["no version", { ...about, steps: [] }],
  ["version 2 with the steps of version 1", { ...version1, version: 2 }],
  ["version 1 with the steps of version 2", { ...version1, steps: [{ ...version2.steps[3] }] }],
  ["no object", null],
])("%s is refused", (_, json) => {
  expect(bootRecord.safeParse(json).success).toBe(false);
});

test("the step that failed is not one that was only stopped for it, nor one of another phase", () => {
  const record = bootRecord.parse(version2);
  expect(failedStep(record, "boot")?.name).toBe("app");
  expect(failedStep(record, "in-place")).toBeUndefined();
  expect(failedStep(record)?.name).toBe("app");
});

test("a step of the boot goes by its name, any other by its phase too", () => {
  expect(version2.steps.map((s) => stepLabel(s as Parameters<typeof stepLabel>[0]))).toEqual(
    version1.steps.map((s) => s.name),
  );
});
