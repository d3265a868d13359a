import { expect, test } from "vitest";
import { type BootRecord, bootRecord, type Phase } from "../../../agent/site/boot-record.ts";
import { bootBars, renderBars } from "../../../provisioner/boots/bars.ts";
import { styleFor } from "../../../provisioner/operator/terminal.ts";

const plain = styleFor({ write: () => {} });
const step = (name: string, start: number, seconds: number | undefined, ...needs: string[]) => ({
  ...{ phase: "boot" as Phase, name, start, needs },
  ...(seconds === undefined ? { state: "running" as const } : { seconds, state: "done" as const }),
});
const record = (...steps: ReturnType<typeof step>[]): BootRecord =>
  bootRecord.parse({
    ...{ version: 2, site: "blog", instance: "i-1", bootId: "b", attempt: 1, agent: "a", state: "serving" },
    started: "2026-11-21T10:00:00.000Z",
    updated: "2026-11-21T10:00:08.000Z",
    ...{ steps, warnings: [] },
  });
const boot = record(
  step("identity", 1, 0.5),
  step("release", 1.5, 1, "identity"),
  step("packages", 1.5, 3, "identity"),
  step("app", 4.6, 0.4, "packages", "release"),
  { ...step("fetch", 4000, 2), phase: "in-place" },
);

test("each step has its end, the step it waited for, and whether the boot hung on it", () => {
  expect(bootBars(boot)).toEqual([
    {
      name: "identity",
      start: 1,
      end: 1.5,
      seconds: 0.5,
      state: "done",
      waitedFor: undefined,
      critical: true,
    },
    {
      name: "release",
      start: 1.5,
      end: 2.5,
      seconds: 1,
      state: "done",
      waitedFor: "identity",
      critical: false,
    },
    {
      name: "packages",
      start: 1.5,
      end: 4.5,
      seconds: 3,
      state: "done",
      waitedFor: "identity",
      critical: true,
    },
    { name: "app", start: 4.6, end: 5, seconds: 0.4, state: "done", waitedFor: "packages", critical: true },
  ]);
});

test("the agent's first step waits for the bootstrap", () => {
  const steps = [
    { ...step("agent", 0, 1), phase: "bootstrap" as const },
    { ...step("units", 1, 0.1, "agent"), phase: "bootstrap" as const },
    step("identity", 1.3, 0.1),
  ];
  const bars = bootBars(record(...steps));
  expect(bars.map((b) => b.waitedFor)).toEqual([undefined, "bootstrap: agent", "bootstrap: units"]);
  expect(bars.every((b) => b.critical)).toBe(true);
});

test("a bar is where its time is, as wide as its time", () => {
  const lines = renderBars(bootBars(boot), 80, plain);
  const area = (line = "") => line.slice("identity".length + 2);
  const [identity, release, packages, app, scale] = lines.map(area);
  const begin = (line = "") => line.search(/[█-▏]/);
  const wide = (line = "") => /[█-▏]+/.exec(line)?.[0].length ?? 0;
  expect(begin(identity)).toBeGreaterThan(0);
  expect(begin(release)).toBe(begin(packages));
  expect(begin(app)).toBeGreaterThan(begin(packages) + wide(packages) - 2);
  expect(wide(packages) / wide(release)).toBeCloseTo(3, 0);
  expect(app).toMatch(/0\.40 s {2}after packages$/);
  expect(scale).toMatch(/^0 s +5\.0 s$/);
});

test.each([40, 60, 80, 120, 200])("no line is wider than a terminal of %i columns", (columns) => {
  const lines = renderBars(bootBars(boot), columns, plain);
  expect(Math.max(...lines.map((l) => l.length))).toBeLessThan(columns);
  expect(lines).toHaveLength(5);
});

test("a step that runs reaches as far as the record knows; nothing is drawn of nothing", () => {
  const running = record(step("identity", 1, 1), step("packages", 2, undefined, "identity"));
  expect(bootBars(running)[1]).toMatchObject({ end: 8, seconds: 6, state: "running" });
  expect(renderBars(bootBars(running), 80, plain)[1]).toContain("█…");
  expect(renderBars([], 80, plain)).toEqual([]);
});
