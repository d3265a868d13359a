/** What the figures should be. Pure. */
import {
  type BootFigure,
  type BootKind,
  type Figures,
  isMeasured,
  type KeeperFigures,
  type SizeFigure,
} from "./figures.ts";
import { round } from "./stats.ts";

export interface Target {
  what: string;
  wanted: string;
  /** As measured, for a person; undefined when it was not. */
  measured: string | undefined;
  /** Undefined when it was not measured. */
  met: boolean | undefined;
}

/** A heap fills up to the size at which V8 first collects all of it; what grows after that would grow for ever. */
const SETTLED_MINUTES = 20;

/** On the two processors the targets are meant for. */
export function targetsOf(figures: Figures): Target[] {
  const article = bootOf(figures, "article")?.median;
  const replacement = bootOf(figures, "replacement");
  const { memory, agent, throughput } = figures;
  const [small, large] = [sizeOf(figures, 1), sizeOf(figures, 100)];
  const share = divided(replacement?.median, article);
  const kept = divided(throughput?.nginx.median, throughput?.bare.median);
  const settled = memory?.samples.find(({ minute }) => minute >= SETTLED_MINUTES)?.MB;
  const grown = minus(memory?.afterHourMB, settled);
  return [
    target("replacement, as a part of the article's way", "≤ 0.20", share, "", (n) => n <= 0.2),
    target("replacement, the agent's part", "≤ 4 s", replacement?.agent?.median, " s", (n) => n <= 4),
    target("replacement, processor time", "≤ 4 s", replacement?.processor?.median, " s", (n) => n <= 4),
    target("baked image", "≤ 3 s", bootOf(figures, "baked")?.median, " s", (n) => n <= 3),
    target("agent, resident after its start", "≤ 75 MB", memory?.startMB, " MB", (n) => n <= 75),
    target(
      `agent, growth over a simulated hour, from minute ${SETTLED_MINUTES} on`,
      "≤ 2 MB",
      grown,
      " MB",
      (n) => n <= 2,
    ),
    target("agent, ready", "≤ 150 ms", agent?.readyMilliseconds.median, " ms", (n) => n <= 150),
    target("agent, bundle", "≤ 921600 bytes", agent?.bundleBytes, " bytes", (n) => n <= 921_600),
    target(
      "boot with 100 MB, more than with 1 MB",
      "≤ 4 s",
      minus(large?.boot.median, small?.boot.median),
      " s",
      (n) => n <= 4,
    ),
    target(
      "memory of the agent with 500 MB, more than with 1 MB",
      "≤ 10 MB",
      minus(sizeOf(figures, 500)?.agentPeakMB.median, small?.agentPeakMB.median),
      " MB",
      (n) => n <= 10,
    ),
    target("requests that fail while a site is held", "0", figures.hold?.failed.max, "", (n) => n === 0),
    target("nginx and gunicorn, as a part of gunicorn alone", "≥ 0.90", kept, "", (n) => n >= 0.9),
    ...stateTargets(figures.state?.everspot),
  ];
}

function stateTargets(state: KeeperFigures | undefined): Target[] {
  const loss = (pace: number) => state?.loss.find((one) => one.pace === pace)?.seconds;
  const back = (size: number) => state?.restore.find((one) => one.megabytes === size)?.seconds.median;
  const waits = (clients: number) => state?.waits?.find((one) => one.clients === clients);
  return [
    target(
      "state: a power cut at 2 commits/s takes, median",
      "< 0.05 s",
      loss(2)?.median,
      " s",
      (n) => n < 0.05,
    ),
    target("state: a power cut at 2 commits/s takes, at most", "< 0.3 s", loss(2)?.max, " s", (n) => n < 0.3),
    target(
      "state: a power cut at 100 commits/s takes, median",
      "< 0.5 s",
      loss(100)?.median,
      " s",
      (n) => n < 0.5,
    ),
    target(
      "state: a power cut at 100 commits/s takes, at most",
      "< 1.1 s",
      loss(100)?.max,
      " s",
      (n) => n < 1.1,
    ),
    target("state: restore of 1 MB", "≤ 0.3 s", back(1), " s", (n) => n <= 0.3),
    target("state: restore of 100 MB", "≤ 1.2 s", back(100), " s", (n) => n <= 1.2),
    target('state: "s3" with 1 client, median', "≤ 40 ms", waits(1)?.median, " ms", (n) => n <= 40),
    target('state: "s3" with 8 clients, median', "≤ 80 ms", waits(8)?.median, " ms", (n) => n <= 80),
    target(
      'state: "s3" with 8 clients, slowest in a hundred',
      "< 250 ms",
      waits(8)?.slowest,
      " ms",
      (n) => n < 250,
    ),
    target("state: hand-over, median", "< 3 s", state?.handOver?.median, " s", (n) => n < 3),
    target("state: resident memory", "< 75 MB", state?.memory.resident, " MB", (n) => n < 75),
    target("state: memory of its own", "< 25 MB", state?.memory.private, " MB", (n) => n < 25),
    target("state: calls of S3 when idle", "0", state?.idleCallsPerHour, " an hour", (n) => n === 0),
  ];
}

function target(
  what: string,
  wanted: string,
  value: number | undefined,
  unit: string,
  holds: (value: number) => boolean,
): Target {
  if (value === undefined || Number.isNaN(value))
    return { what, wanted, measured: undefined, met: undefined };
  return { what, wanted, measured: `${round(value)}${unit}`, met: holds(value) };
}

function bootOf(figures: Figures, kind: BootKind): BootFigure | undefined {
  const found = figures.boot?.[kind];
  return isMeasured(found) ? found : undefined;
}

const sizeOf = (figures: Figures, megabytes: number): SizeFigure | undefined =>
  figures.sizes?.find((size) => size.releaseMB === megabytes);

const divided = (a: number | undefined, b: number | undefined): number | undefined =>
  a === undefined || b === undefined ? undefined : a / b;

const minus = (a: number | undefined, b: number | undefined): number | undefined =>
  a === undefined || b === undefined ? undefined : a - b;
