import { expect, test } from "vitest";
import { parseMarks, readStart } from "../../../agent/record/start.ts";

test("bootstrap.sh's marks become steps that count from its start", () => {
  const start = parseMarks("started 1000.25\ncredentials 1000.5\nagent 1002.750001\nunits 1003\n", 5);
  expect(start.started).toBe(1_000_250);
  expect(start.steps).toEqual([
    { phase: "bootstrap", name: "credentials", needs: [], start: 0, seconds: 0.25, state: "done" },
    {
      phase: "bootstrap",
      name: "agent",
      needs: ["credentials"],
      start: 0.25,
      seconds: 2.25,
      state: "done",
    },
    { phase: "bootstrap", name: "units", needs: ["agent"], start: 2.5, seconds: 0.25, state: "done" },
  ]);
});

test("a part that was tried again ends at its last time", () => {
  const { steps } = parseMarks("started 10\ncredentials 11\ncredentials 20\nagent 22\n", 0);
  expect(steps.map((s) => [s.name, s.start, s.seconds])).toEqual([
    ["credentials", 0, 10],
    ["agent", 10, 2],
  ]);
});

test("without marks the boot starts now", async () => {
  expect(parseMarks("", 77)).toEqual({ started: 77, steps: [] });
  expect(parseMarks("garbage\nstarted soon\n", 77)).toEqual({ started: 77, steps: [] });
  const start = await readStart("/nonexistent/marks", 99);
  expect(start).toMatchObject({ started: 99, steps: [] });
  expect(start.bootId).toMatch(/^[0-9a-f-]{36}$/);
});
