import { expect, test } from "vitest";
import { processorTime, stolenPercent } from "../../../scripts/bench/stolen.ts";
import { machineNote } from "../../../scripts/bench/table.ts";
import { sample } from "./figures.ts";

test("what the host kept back, of what was wanted", () => {
  const before = processorTime("cpu  100 0 50 9000 10 0 0 50 0 0\ncpu0 1 1 1 1 1 1 1 1 0 0\n");
  const after = processorTime("cpu  160 0 70 19000 10 0 0 70 0 0\ncpu0 1 1 1 1 1 1 1 1 0 0\n");
  expect(stolenPercent(before, after)).toBe(20);
  expect(stolenPercent(before, before)).toBe(0);
  expect(processorTime().wanted).toBeGreaterThan(0);
});

test("is told when it spoils the figures", () => {
  const on = (percent: number) =>
    machineNote({ ...sample, machine: { ...sample.machine, stolenPercent: percent } });
  expect(on(31.4)).toEqual([expect.stringContaining("31.4 %")]);
  expect(on(0.3)).toEqual([]);
});
