import { expect, test } from "vitest";
import type { BootRecord } from "../../../agent/site/boot-record.ts";
import type { DeployState } from "../../../agent/site/documents/deploy-state.ts";
import type { PastDeploy } from "../../../provisioner/history/deploys.ts";
import { entriesOf } from "../../../provisioner/history/entries.ts";
import { renderPage } from "../../../provisioner/history/page.ts";

const boot = (instance: string, launched: string, more: Partial<BootRecord> = {}): BootRecord => ({
  version: 2,
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
    { phase: "boot", name: "identity", needs: [], start: 0.5, seconds: 0.1, state: "done" },
    { phase: "boot", name: "ownership", needs: ["identity"], start: 3, seconds: 1.25, state: "done" },
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
  deploys: [],
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
    ["new-instance", "i-3", 24.25, true],
    ["swap", undefined, 120, true],
    ["drill", "i-9", 36.5, true],
    ["replacement", "i-2", 24.25, true],
    ["given-up", "i-1", undefined, undefined],
    ["first", "i-1", 24.25, true],
  ]);
});

const past: PastDeploy = {
  version: 1,
  id: "d0",
  at: "2026-11-21T13:45:00.000Z",
  command: "deploy",
  kind: "swap",
  by: "ann@laptop",
  result: "done",
  release: "r2",
  previous: "r1",
  instance: "i-4",
  seconds: 70,
  steps: [{ name: "hand over", start: 10, seconds: 4, state: "done" }],
  requests: { total: 70, failed: 0 },
};

test("every deploy and rollback that is kept, and deploy.json only for one that is not", () => {
  const deploys: PastDeploy[] = [
    past,
    { ...past, id: "d2", at: "2026-11-21T13:50:00.000Z", command: "rollback", release: "r1", previous: "r2" },
    {
      ...past,
      id: "d3",
      at: "2026-11-21T13:55:00.000Z",
      kind: "in-place",
      result: "failed",
      reason: "HTTP 500",
    },
    { ...past, id: "d1", at: deploy.started, result: "abandoned", requests: undefined, reason: "at: follow" },
  ];
  const entries = entriesOf({ ...input, boots: [], drills: [], replacements: undefined, deploys });
  expect(entries.map(({ kind, ok, seconds }) => [kind, ok, seconds])).toEqual([
    ["swap", false, 70],
    ["in-place", false, 70],
    ["rollback", true, 70],
    ["swap", true, 70],
  ]);
  expect(entries.map((e) => e.text)).toEqual([
    "deploy of r2 by ann@laptop: abandoned, r1 before, at: follow",
    "deploy of r2 by ann@laptop: failed, r1 before, 0 of 70 requests failed, HTTP 500",
    "rollback of r1 by ann@laptop: done, r2 before, 0 of 70 requests failed",
    "deploy of r2 by ann@laptop: done, r1 before, 0 of 70 requests failed",
  ]);
});

test("a machine is of the deploy that launched it, however long ago, and a reboot is a thing of its own", () => {
  const ran = boot("i-4", "2026-11-21T13:45:10.000Z", { release: "r2", epoch: 2 });
  const rebooted = { ...ran, bootId: "c", started: "2026-11-21T15:00:00.000Z" };
  const restarted = boot("i-4", "2026-11-21T16:00:00.000Z", { bootId: "d", epoch: 3 });
  const boots = [boot("i-1", "2026-11-21T12:00:00.000Z"), ran, rebooted, restarted];
  const none = { deploy: undefined, drills: [], replacements: undefined };
  const seen = entriesOf({ ...none, boots, deploys: [past] }).filter((e) => e.kind !== "swap");
  expect(seen.map(({ kind, at, seconds }) => [kind, at, seconds])).toEqual([
    // A start after a stop counts from the start, a reboot from the boot.
    ["reboot", "2026-11-21T16:00:00.000Z", 24.25],
    ["reboot", "2026-11-21T15:00:00.000Z", 4.25],
    ["new-instance", "2026-11-21T13:45:10.000Z", 24.25],
    ["first", "2026-11-21T12:00:00.000Z", 24.25],
  ]);
});

test("a boot that failed has no duration but its reason; one under way has neither", () => {
  const steps = [
    {
      ...{ phase: "boot" as const, name: "app", needs: [], start: 3, seconds: 1 },
      ...{ state: "failed" as const, error: "no module blog" },
    },
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
  expect(
    entriesOf({ boots: [], deploys: [], deploy: undefined, drills: [], replacements: undefined }),
  ).toEqual([]);
  expect(renderPage("blog", [], new Date(0))).toContain("<table>");
});
