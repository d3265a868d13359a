import { expect, test } from "vitest";
import type { Figures } from "../../../scripts/bench/figures.ts";
import { figuresTable, targetsTable } from "../../../scripts/bench/table.ts";
import { targetsOf } from "../../../scripts/bench/targets.ts";
import { sample, spreadOf } from "./figures.ts";

const verdicts = (figures: Figures) =>
  Object.fromEntries(targetsOf(figures).map((target) => [target.what, target.met]));

test("what was not measured is neither met nor missed", () => {
  const { when, machine } = sample;
  const targets = targetsOf({ when, machine });
  expect(targets.length).toBeGreaterThan(8);
  for (const target of targets) expect(target).toMatchObject({ measured: undefined, met: undefined });
  const met = verdicts(sample);
  expect(Object.entries(met).filter(([, is]) => is !== true)).toEqual([["baked image", undefined]]);
});

const missed: [string, Figures][] = [
  [
    "replacement, processor time",
    {
      ...sample,
      boot: {
        ...sample.boot,
        replacement: { ...sample.boot?.replacement, processor: spreadOf(4.1) } as never,
      },
    },
  ],
  [
    "replacement, as a part of the article's way",
    { ...sample, boot: { ...sample.boot, article: { ...sample.boot?.article, ...spreadOf(19) } as never } },
  ],
  [
    "agent, resident after its start",
    { ...sample, memory: sample.memory && { ...sample.memory, startMB: 75.1 } },
  ] as [string, Figures],
  [
    "all of it on, as a part of plain: replacement",
    { ...sample, day: sample.day && { ...sample.day, boot: spreadOf(1.06) } },
  ] as [string, Figures],
  [
    "all of it on: agent resident at most, in use",
    {
      ...sample,
      day: sample.day && { ...sample.day, full: { ...sample.day.full, mostMB: spreadOf(75.1) } },
    },
  ] as [string, Figures],
  [
    "agent, growth over a simulated hour, from minute 20 on",
    { ...sample, memory: sample.memory && { ...sample.memory, afterHourMB: 69 } },
  ] as [string, Figures],
  [
    "agent, ready",
    { ...sample, agent: sample.agent && { ...sample.agent, readyMilliseconds: spreadOf(151) } },
  ] as [string, Figures],
  [
    "nginx and gunicorn, as a part of gunicorn alone",
    { ...sample, throughput: sample.throughput && { ...sample.throughput, nginx: spreadOf(179) } },
  ] as [string, Figures],
  ...(
    [
      ["state: S3 never answers for 60 s: goes on after", { how: "never answers", resumed: undefined }],
      ["state: S3 answers 503 for 60 s: a power cut then takes", { how: "answers 503", lost: 1.5 }],
      ["state: S3 answers 503 for 60 s: told of after", { how: "answers 503", told: undefined }],
    ] as const
  ).map(([what, change]): [string, Figures] => {
    const { everspot, litestream } = sample.state ?? {};
    const outages = everspot?.outages?.map((one) => (one.how === change.how ? { ...one, ...change } : one));
    return [what, { ...sample, state: { everspot: { ...everspot, outages }, litestream } as never }];
  }),
  [
    'state: "s3" with 8 clients, median',
    {
      ...sample,
      state: sample.state && {
        ...sample.state,
        everspot: { ...sample.state.everspot, waits: [{ clients: 8, median: 81, slowest: 200, put: 30 }] },
      },
    },
  ] as [string, Figures],
];
test.each(missed)("a target that is missed is reported: %s", (what, figures) => {
  const changed = Object.entries(verdicts(figures)).filter(([, met]) => met === false);
  expect(changed).toEqual([[what, false]]);
  expect(targetsTable(figures)).toMatch(new RegExp(`^${what}.*NOT MET$`, "m"));
});

test("a boot with 100 MB may take 4 s more than with 1 MB, not what one with 500 MB takes", () => {
  const sizes = (sample.sizes ?? []).map((s) => (s.releaseMB === 100 ? { ...s, boot: spreadOf(9.1) } : s));
  expect(verdicts({ ...sample, sizes })["boot with 100 MB, more than with 1 MB"]).toBe(false);
});

test("the table has every figure with its spread, and says what is absent", () => {
  const text = figuresTable(sample);
  expect(text).toMatch(/^boot: article +20 +19.5 +21 +5 +s$/m);
  expect(text).toMatch(/^boot: replacement, the agent's part +3 +2.5 +4 +5 +s$/m);
  expect(text).toMatch(/^boot: replacement, processor time +3.5 /m);
  expect(text).toMatch(/^boot: first, waits for its certificate +4 /m);
  expect(text).toMatch(/^plain: agent resident at most, in use +66 .*MB$/m);
  expect(text).toMatch(/^all of it on, as a part of plain: processor time +1.03 /m);
  expect(text).toMatch(/^agent's bundle +700000 +bytes$/m);
  expect(text).toMatch(/^boot: baked is absent: no image$/m);
});
