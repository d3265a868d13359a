/** What the figures of a site's state should be (STATE §8). Pure. */
import type { How, Outage } from "../state/outage.ts";
import type { Figures, KeeperFigures } from "./figures.ts";
import { type Target, target } from "./target.ts";

/** Power cuts of each kind, without which their figures say little. */
const CUTS = 20;

const OUTAGES: readonly How[] = ["answers 503", "never answers"];

export function stateTargets({ state: kept, stateDay }: Pick<Figures, "state" | "stateDay">): Target[] {
  const state = kept?.everspot;
  const waits = (clients: number) => state?.waits?.find((one) => one.clients === clients);
  return [
    ...lossTargets(state),
    ...restoreTargets(state),
    target('"s3" with 1 client, median', "≤ 40 ms", waits(1)?.median, " ms", (n) => n <= 40),
    target('"s3" with 8 clients, median', "≤ 80 ms", waits(8)?.median, " ms", (n) => n <= 80),
    target('"s3" with 8 clients, slowest in a hundred', "< 250 ms", waits(8)?.slowest, " ms", (n) => n < 250),
    target("hand-over, median", "< 3 s", state?.handOver?.median, " s", (n) => n < 3),
    target(
      "hand-over, longest held request, median",
      "< 3 s",
      state?.handOverLongest?.median,
      " s",
      (n) => n < 3,
    ),
    target("hand-over, longest of all", "< 10 s", state?.handOverLongest?.max, " s", (n) => n < 10),
    target("hand-over, requests that fail", "0", state?.handOverFailed?.max, "", (n) => n === 0),
    target("take-over from a live owner", "< 1 s", state?.takeover?.max, " s", (n) => n < 1),
    target(
      "take-over from a live owner, lost of what it acknowledged",
      "0",
      state?.takeoverLost,
      "",
      (n) => n === 0,
    ),
    ...OUTAGES.flatMap((how) =>
      outageTargets(
        how,
        state?.outages?.find((one) => one.how === how),
      ),
    ),
    ...largeTargets(state),
    target(
      "restore with 86400 entries behind the base, memory",
      `≤ ${RESTORES} MB`,
      stateDay?.resident,
      " MB",
      (n) => n <= RESTORES,
    ),
    target("resident memory", "< 75 MB", state?.memory.resident, " MB", (n) => n < 75),
    target("memory of its own", "< 25 MB", state?.memory.private, " MB", (n) => n < 25),
    target("calls of S3 when idle", "0", state?.idleCallsPerHour, " an hour", (n) => n === 0),
  ].map((one) => ({ ...one, what: `state: ${one.what}` }));
}

function lossTargets(state: KeeperFigures | undefined): Target[] {
  return [
    { pace: 2, median: 0.05, most: 0.3 },
    { pace: 100, median: 0.5, most: 1.1 },
  ].flatMap(({ pace, median, most }) => {
    const { seconds, cuts, broken } = state?.loss.find((one) => one.pace === pace) ?? {};
    const what = `a power cut at ${pace} commits/s`;
    return [
      target(`${what} takes, median`, `< ${median} s`, seconds?.median, " s", (n) => n < median),
      target(`${what} takes, at most`, `< ${most} s`, seconds?.max, " s", (n) => n < most),
      target(`${what}: how many were played`, `≥ ${CUTS}`, cuts, "", (n) => n >= CUTS),
      target(`${what}: nothing whole to restore`, "0", broken, "", (n) => n === 0),
    ];
  });
}

/** Megabytes of the process that restores. */
const RESTORES = 180;

function restoreTargets(state: KeeperFigures | undefined): Target[] {
  const kept = [...(state?.restore ?? []), ...(state?.longLog ?? [])];
  const memory = kept.length === 0 ? undefined : Math.max(...kept.map(({ resident }) => resident));
  return [
    ...[
      { megabytes: 1, most: 0.3 },
      { megabytes: 100, most: 1.2 },
      { megabytes: 1000, most: 7 },
    ].map(({ megabytes, most }) => {
      const found = state?.restore.find((one) => one.megabytes === megabytes)?.seconds.median;
      return target(`restore of ${megabytes} MB`, `≤ ${most} s`, found, " s", (n) => n <= most);
    }),
    target(
      "restore with 10000 entries behind the base",
      "≤ 7 s",
      state?.longLog?.find(({ entries }) => entries === 10_000)?.seconds,
      " s",
      (n) => n <= 7,
    ),
    target("restores, memory of their process", `≤ ${RESTORES} MB`, memory, " MB", (n) => n <= RESTORES),
  ];
}

function outageTargets(how: How, outage: Outage | undefined): Target[] {
  const { lost, bound = Number.NaN, told, resumed } = outage ?? {};
  const what = `S3 ${how} for ${outage?.lasted ?? 60} s`;
  // What was not heard of, and what did not go on, is worse than any figure.
  const seconds = (n: number | undefined) => (outage === undefined ? undefined : (n ?? outage.lasted));
  return [
    target(
      `${what}: a power cut then takes`,
      Number.isNaN(bound) ? "what is promised" : `≤ ${bound.toFixed(2)} s`,
      lost,
      " s",
      (n) => n <= bound,
    ),
    target(`${what}: told of after`, "≤ 10 s", seconds(told), " s", (n) => n <= 10),
    target(`${what}: goes on after`, "≤ 2 s", seconds(resumed), " s", (n) => n <= 2),
  ];
}

function largeTargets(state: KeeperFigures | undefined): Target[] {
  return (["one transaction", "VACUUM"] as const).flatMap((what) => {
    const found = state?.large?.find((one) => one.what === what);
    const name = `${what} of ${what === "VACUUM" ? 200 : 500} MB`;
    const told = found === undefined ? undefined : Number(found.told);
    return [
      target(`${name}: resident memory`, "< 75 MB", found?.resident, " MB", (n) => n < 75),
      target(`${name}: commits of others lost`, "0", found?.lost, "", (n) => n === 0),
      target(`${name}: told of`, "1", told, "", (n) => n === 1),
    ];
  });
}
