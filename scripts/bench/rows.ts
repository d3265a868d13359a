/** The figures as rows of a table, for the terminal and the page. Pure. */
import {
  bootKinds,
  type DayFigure,
  daySides,
  type Figures,
  isMeasured,
  type KeeperFigures,
} from "./figures.ts";
import type { Spread } from "./stats.ts";

/** What was measured, its unit, and its figures. */
export interface Row {
  what: string;
  unit: string;
  value: Spread | number;
}

export function rowsOf(figures: Figures): Row[] {
  const {
    boot = {},
    up,
    swap,
    inPlace,
    packaging,
    agent,
    memory,
    day,
    throughput,
    app,
    hold,
    layer,
    sizes = [],
    state,
    stateDay,
  } = figures;
  const boots = bootKinds.flatMap((kind): Row[] => {
    const of = boot[kind];
    if (!isMeasured(of)) return [];
    const part = of.agent === undefined ? [] : [row(`boot: ${kind}, the agent's part`, "s", of.agent)];
    const used = of.processor === undefined ? [] : [row(`boot: ${kind}, processor time`, "s", of.processor)];
    const order =
      of.certificate === undefined
        ? []
        : [row(`boot: ${kind}, waits for its certificate`, "s", of.certificate)];
    return [row(`boot: ${kind}`, "s", of), ...part, ...order, ...used];
  });
  return [
    ...boots,
    ...(up ? [row("everspot up", "s", up.seconds), row("everspot up, calls of AWS", "", up.calls)] : []),
    ...(swap ? [row(`swap (drain ${swap.drain} s)`, "s", swap.seconds)] : []),
    ...(inPlace ? [row("deploy in place", "s", inPlace.seconds)] : []),
    ...(packaging ? [row("packaging, for 10 MB", "s", packaging.secondsPer10MB)] : []),
    ...(agent
      ? [
          row("agent's bundle", "bytes", agent.bundleBytes),
          row("agent ready", "ms", agent.readyMilliseconds),
          row("agent ready, first start of all", "ms", agent.readyColdMilliseconds),
        ]
      : []),
    ...(memory
      ? [
          row("agent resident after its start", "MB", memory.startMB),
          row("agent resident after an hour's looks", "MB", memory.afterHourMB),
          row("slope over that hour", "MB/h", memory.slopeMBPerHour),
        ]
      : []),
    ...(day ? dayRows(day) : []),
    ...(throughput
      ? [
          row("gunicorn alone", "requests/s", throughput.bare),
          row("nginx and gunicorn", "requests/s", throughput.nginx),
          row("the same over HTTPS", "requests/s", throughput.https),
        ]
      : []),
    ...(app?.rates ?? []).map(({ threads, about, rate }) =>
      row(
        `${app?.type} without credits, ${app?.workers} workers with ${threads === 1 ? "1 thread" : `${threads} threads`}: ${about}`,
        "requests/s",
        rate,
      ),
    ),
    ...(hold
      ? [
          row(`held for ${hold.seconds} s, ${hold.rate} requests/s: requests`, "", hold.requests),
          row("of them failed", "", hold.failed),
          row("of them waited at its end", "", hold.waiting),
          row("longest", "s", hold.longest),
        ]
      : []),
    ...(layer
      ? [
          row("check of a layer of packages, processor", "s", layer.processorSeconds),
          row("layer of packages", "MB", layer.layerMB),
        ]
      : []),
    ...sizes.flatMap(({ releaseMB, boot: booted, deploy, agentPeakMB }) => [
      row(`release of ${releaseMB} MB: boot`, "s", booted),
      row(`release of ${releaseMB} MB: deploy`, "s", deploy),
      row(`release of ${releaseMB} MB: most memory of the agent`, "MB", agentPeakMB),
    ]),
    ...(state ? keeperRows("state", state.everspot) : []),
    ...(stateDay
      ? [
          row(`state: restore with ${stateDay.entries} entries behind the base`, "s", stateDay.seconds),
          row("state: its memory", "MB", stateDay.resident),
        ]
      : []),
    ...(state && "loss" in state.litestream ? keeperRows("Litestream", state.litestream) : []),
  ];
}

const row = (what: string, unit: string, value: Spread | number): Row => ({ what, unit, value });

const DAY_NAMES = { plain: "plain", full: "all of it on" } as const;

const dayRows = (day: DayFigure): Row[] => [
  ...daySides.flatMap((side) => {
    const { boot, processor, startMB, mostMB, bootMB } = day[side];
    const name = DAY_NAMES[side];
    return [
      row(`${name}: replacement`, "s", boot),
      ...(processor === undefined ? [] : [row(`${name}: replacement, processor time`, "s", processor)]),
      row(`${name}: agent resident after its start`, "MB", startMB),
      row(`${name}: agent resident at most, in use`, "MB", mostMB),
      row(`${name}: agent resident at most, its boot too`, "MB", bootMB),
    ];
  }),
  row("all of it on, as a part of plain: replacement", "", day.boot),
  ...(day.processor === undefined
    ? []
    : [row("all of it on, as a part of plain: processor time", "", day.processor)]),
];

const keeperRows = (
  name: string,
  {
    loss,
    restore,
    longLog = [],
    outages = [],
    large = [],
    memory,
    idleCallsPerHour,
    waits = [],
    ...more
  }: KeeperFigures,
): Row[] => [
  ...loss.flatMap(({ pace, seconds, broken }) => [
    row(`${name}: a power cut at ${pace} commits/s takes`, "s", seconds),
    row(`${name}: nothing whole to restore then`, "times", broken),
  ]),
  ...restore.flatMap(({ megabytes, seconds, resident }) => [
    row(`${name}: restore of ${megabytes} MB`, "s", seconds),
    row(`${name}: its memory`, "MB", resident),
  ]),
  ...longLog.flatMap(({ entries, seconds, resident }) => [
    row(`${name}: restore with ${entries} entries behind the base`, "s", seconds),
    row(`${name}: its memory`, "MB", resident),
  ]),
  ...outages.flatMap(({ how, lasted, lost, bound, told, resumed }) => [
    row(`${name}: S3 ${how} for ${lasted} s: a power cut then takes`, "s", lost),
    ...(bound === undefined ? [] : [row(`${name}: what it may take`, "s", bound)]),
    ...(told === undefined ? [] : [row(`${name}: it is told of after`, "s", told)]),
    ...(resumed === undefined ? [] : [row(`${name}: it goes on after`, "s", resumed)]),
  ]),
  ...large.flatMap(({ what, megabytes, resident, seconds, lost }) => [
    row(`${name}: ${what} of ${megabytes} MB: in the bucket after`, "s", seconds),
    row(`${name}: resident meanwhile`, "MB", resident),
    row(`${name}: commits of others lost`, "", lost),
  ]),
  row(`${name}: resident at most`, "MB", memory.resident),
  row(`${name}: of its own at most`, "MB", memory.private),
  row(`${name}: calls of S3 when idle`, "1/h", idleCallsPerHour),
  ...waits.flatMap(({ clients, median, slowest, put }) => [
    row(`${name}: an answer that waits for the bucket, ${clients} clients`, "ms", median),
    row(`${name}: the slowest in a hundred`, "ms", slowest),
    row(`${name}: a PUT then`, "ms", put),
  ]),
  ...(more.handOver ? [row(`${name}: hand-over`, "s", more.handOver)] : []),
  ...(more.handOverLongest ? [row(`${name}: longest write of each`, "s", more.handOverLongest)] : []),
  ...(more.handOverFailed ? [row(`${name}: requests that failed in each`, "", more.handOverFailed)] : []),
  ...(more.takeover ? [row(`${name}: take-over from a live owner`, "s", more.takeover)] : []),
];
