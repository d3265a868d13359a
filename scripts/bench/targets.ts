/** What the figures should be. Pure. */
import { type BootFigure, type BootKind, type Figures, isMeasured, type SizeFigure } from "./figures.ts";
import { stateTargets } from "./state-targets.ts";
import { type Target, target } from "./target.ts";

/** A heap fills up to the size at which V8 first collects all of it; what grows after that would grow forever. */
const SETTLED_MINUTES = 20;

/** On the two processors the targets are meant for. */
export function targetsOf(figures: Figures): Target[] {
  const article = bootOf(figures, "article")?.median;
  const replacement = bootOf(figures, "replacement");
  const { memory, day, agent, throughput } = figures;
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
    target("all of it on, as a part of plain: replacement", "≤ 1.05", day?.boot.median, "", (n) => n <= 1.05),
    target(
      "all of it on, as a part of plain: processor time",
      "≤ 1.05",
      day?.processor?.median,
      "",
      (n) => n <= 1.05,
    ),
    target(
      "all of it on: agent resident after its start",
      "≤ 75 MB",
      day?.full.startMB.median,
      " MB",
      (n) => n <= 75,
    ),
    target(
      "all of it on: agent resident at most, in use",
      "≤ 75 MB",
      day?.full.mostMB.median,
      " MB",
      (n) => n <= 75,
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
    ...stateTargets(figures),
  ];
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
