import { expect, test } from "vitest";
import type { BootRecord, DeployState } from "../../../agent/site/records.ts";
import { entriesOf } from "../../../provisioner/history/entries.ts";
import { renderPage } from "../../../provisioner/history/page.ts";

const boot = (instance: string, launched: string, more: Partial<BootRecord> = {}): BootRecord => ({
  version: 1,
  site: "blog",
  instance,
  bootId: "b",
  attempt: 1,
  launched,
  started: new Date(Date.parse(launched) + 20_000).toISOString(),
  updated: launched,
  state: "serving",
  agent: "a",
  release: "r1",
  epoch: 1,
  warnings: [],
  steps: [
    { name: "identity", needs: [], start: 0.5, seconds: 0.1, state: "done" },
    { name: "ownership", needs: ["identity"], start: 3, seconds: 1.25, state: "done" },
  ],
  ...more,
});
const deploy: DeployState = {
  version: 1,
  nonce: "",
  id: "d1",
  kind: "swap",
  by: "ann@laptop",
  release: "r2",
  old: "i-2",
  state: "done",
  step: "done",
  started: "2026-11-21T14:00:00.000Z",
  heartbeat: "2026-11-21T14:02:00.000Z",
};
const input = {
  boots: [
    boot("i-3", "2026-11-21T14:00:30.000Z", { release: "r2", epoch: 3 }),
    boot("i-1", "2026-11-21T12:00:00.000Z"),
    boot("i-2", "2026-11-21T13:00:00.000Z", { epoch: 2 }),
  ],
  deploy,
  drills: [
    {
      ...{
        at: "2026-11-21T13:30:00.000Z",
        by: "ann@laptop",
        way: "terminate" as const,
        from: "i-8",
        to: "i-9",
      },
      ...{ handedOver: 31, downtime: 36.5, requests: 400, failed: 120 },
    },
  ],
  replacements: {
    version: 1 as const,
    nonce: "",
    given: [{ instance: "i-1", at: "2026-11-21T12:59:00.000Z", reason: "<hung>" }],
    starts: [],
  },
};

test("the past of a site, newest first, with what each took", () => {
  const seen = entriesOf(input).map(({ kind, instance, seconds, ok }) => [kind, instance, seconds, ok]);
  expect(seen).toEqual([
    ["swap", "i-3", 24.25, true],
    ["swap", undefined, 120, true],
    ["drill", "i-9", 36.5, true],
    ["replacement", "i-2", 24.25, true],
    ["given-up", "i-1", undefined, undefined],
    ["first", "i-1", 24.25, true],
  ]);
});

test("a boot that failed has no duration but its reason; one under way has neither", () => {
  const steps = [
    { name: "app", needs: [], start: 3, seconds: 1, state: "failed" as const, error: "no module blog" },
  ];
  const { epoch: _, ...failed } = boot("i-1", "2026-11-21T12:00:00.000Z", { state: "failed", steps });
  const { epoch: __, ...going } = boot("i-2", "2026-11-21T12:10:00.000Z", { state: "booting", steps: [] });
  const [second, first] = entriesOf({
    ...input,
    boots: [failed, going],
    drills: [],
    deploy: undefined,
  }).filter((e) => e.kind !== "given-up");
  expect(first).toMatchObject({
    ok: false,
    seconds: undefined,
    text: expect.stringContaining("no module blog"),
  });
  expect(second).toMatchObject({ ok: undefined, seconds: undefined });
});

test("the page shows every entry and boot, loads nothing, and what it shows cannot be markup", () => {
  const page = renderPage("blog", entriesOf(input), new Date(0));
  expect(page.match(/<svg/g)).toHaveLength(4);
  for (const text of ["36.5", "24.3", "ownership", "i-8 terminated by ann@laptop"])
    expect(page).toContain(text);
  expect(page).not.toContain("<hung>");
  expect(page).not.toMatch(/src=|href=|NaN|undefined/);
});

test("nothing happened yet", () => {
  expect(entriesOf({ boots: [], deploy: undefined, drills: [], replacements: undefined })).toEqual([]);
  expect(renderPage("blog", [], new Date(0))).toContain("<table>");
});
