import type { BootFigure, Figures } from "../../../scripts/bench/figures.ts";
import type { Spread } from "../../../scripts/bench/stats.ts";

export const spreadOf = (median: number): Spread => ({ median, min: median - 0.5, max: median + 1, runs: 5 });

const bootOf = (seconds: number, agent?: number): BootFigure => ({
  ...spreadOf(seconds),
  ...(agent === undefined ? {} : { agent: spreadOf(agent), processor: spreadOf(3.5) }),
  typical: {
    instance: "i-0123456789abcdef0",
    seconds,
    steps: [
      {
        name: "packages",
        start: 0,
        seconds: seconds / 2,
        state: "done",
        detail: "nginx from the bucket",
      },
      { name: "app", start: seconds / 2, seconds: seconds / 4, state: "done" },
    ],
  },
});

const sizeOf = (releaseMB: number, boot: number, agentPeakMB: number) => ({
  releaseMB,
  deploy: spreadOf(20 + boot),
  pack: spreadOf(1),
  publish: spreadOf(1),
  boot: spreadOf(boot),
  fetch: spreadOf(1),
  agentPeakMB: spreadOf(agentPeakMB),
});

const dayOf = (boot: number, MB: number) => ({
  ...{ boot: spreadOf(boot), processor: spreadOf(3.5) },
  ...{ startMB: spreadOf(MB), mostMB: spreadOf(MB + 2), bootMB: spreadOf(90) },
});

/** Every target is met, but for the image, of which there is none. */
export const sample: Figures = {
  when: "2026-11-21T05:00:00.000Z",
  machine: { processors: 2, model: "a processor", memoryGB: 8 },
  boot: {
    article: bootOf(20),
    first: { ...bootOf(12, 10), certificate: spreadOf(4) },
    replacement: bootOf(4, 3),
    baked: { absent: "no image" },
  },
  up: { seconds: spreadOf(30), calls: spreadOf(128), writes: spreadOf(37) },
  swap: { seconds: spreadOf(25), drain: 10 },
  inPlace: { seconds: spreadOf(4) },
  layer: { processorSeconds: spreadOf(0.5), layerMB: 14 },
  packaging: { secondsPer10MB: spreadOf(1), releaseMB: 58 },
  agent: { bundleBytes: 700_000, readyMilliseconds: spreadOf(120), readyColdMilliseconds: spreadOf(200) },
  memory: {
    startMB: 64,
    peakMB: 80,
    afterHourMB: 65,
    slopeMBPerHour: 0.4,
    looks: 720,
    requests: { metadata: 1440, aws: 900 },
    samples: [
      { minute: 0, MB: 64.5 },
      { minute: 30, MB: 65 },
      { minute: 60, MB: 65 },
    ],
  },
  day: {
    plain: dayOf(5, 64),
    full: dayOf(5.2, 70),
    boot: spreadOf(1.04),
    processor: spreadOf(1.03),
  },
  hold: {
    requests: spreadOf(2000),
    failed: { median: 0, min: 0, max: 0, runs: 5 },
    waiting: spreadOf(1000),
    longest: spreadOf(10),
    rate: 200,
    seconds: 10,
  },
  throughput: { bare: spreadOf(200), nginx: spreadOf(190), https: spreadOf(180), path: "/" },
  sizes: [sizeOf(1, 5, 90), sizeOf(10, 5.5, 90), sizeOf(100, 8, 91), sizeOf(500, 20, 92)],
  state: {
    everspot: {
      idleCallsPerHour: 0,
      memory: { resident: 74, private: 24 },
      loss: [
        { pace: 2, cuts: 20, lossy: 2, broken: 0, seconds: { ...spreadOf(0.04), max: 0.2 } },
        { pace: 100, cuts: 20, lossy: 20, broken: 0, seconds: { ...spreadOf(0.4), max: 1 } },
      ],
      restore: [
        { megabytes: 1, seconds: spreadOf(0.3), resident: 90 },
        { megabytes: 100, seconds: spreadOf(1.2), resident: 150 },
        { megabytes: 1000, seconds: spreadOf(7), resident: 180 },
      ],
      longLog: [{ entries: 10_000, seconds: 6, resident: 120 }],
      outages: [
        { how: "answers 503", lasted: 60, lost: 1, bound: 1.4, told: 3, resumed: 1 },
        { how: "never answers", lasted: 60, lost: 1, bound: 1.4, told: 4, resumed: 0.5 },
      ],
      large: [
        { what: "one transaction", megabytes: 500, resident: 74, seconds: 40, lost: 0, told: true },
        { what: "VACUUM", megabytes: 200, resident: 74, seconds: 20, lost: 0, told: true },
      ],
      waits: [
        { clients: 1, median: 40, slowest: 60, put: 30 },
        { clients: 8, median: 70, slowest: 200, put: 30 },
      ],
      handOver: spreadOf(2),
      handOverLongest: spreadOf(2.5),
      handOverFailed: { median: 0, min: 0, max: 0, runs: 10 },
      takeover: { median: 0.6, min: 0.5, max: 0.8, runs: 5 },
      takeoverLost: 0,
    },
    litestream: { absent: "litestream is not in PATH" },
  },
  stateDay: { entries: 86_400, seconds: 60, resident: 170 },
};
