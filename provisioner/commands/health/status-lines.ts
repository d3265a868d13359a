/** The status of a site as lines for a terminal. Pure. */
import { isDeepStrictEqual } from "node:util";
import { type BootRecord, failedStep, stepLabel } from "../../../agent/site/boot-record.ts";
import { type BootBar, renderBars } from "../../boots/bars.ts";
import type { SiteConfig } from "../../config/site-config.ts";
import { megabytes, plural } from "../../data/counted.ts";
import { age, type Style, took } from "../../operator/terminal.ts";
import { wrapped } from "../../operator/wrapped.ts";
import { dollars, snapshotCost } from "../../plan/bill.ts";
import { promiseOf } from "../../plan/state-bill.ts";
import { inWords, isUp } from "../../seen/answer.ts";
import { usd } from "../../seen/notices.ts";
import type { Status } from "../../seen/status.ts";

/** The steps of the last boot as bars, and what failed. */
export function renderLastBoot(
  status: Status,
  bars: readonly BootBar[],
  now: number,
  { style, columns }: { style: Style; columns: number },
): string[] {
  const { boot } = status;
  return [
    bootLine(boot, bars, now),
    ...renderBars(bars, columns, style),
    ...commandsOf(boot),
    ...whatFailed(status, boot, style),
    ...renderConsole(status),
  ];
}

function bootLine(boot: BootRecord | undefined, bars: readonly BootBar[], now: number): string {
  if (boot === undefined) return "no instance has booted yet";
  const seconds = Math.max(0, ...bars.map((b) => b.end));
  const attempt = boot.attempt > 1 ? `, attempt ${boot.attempt}` : "";
  return `${boot.instance} booted ${age(now - Date.parse(boot.started))} ago in ${took(seconds)} from the start of user data, ${boot.state}${attempt}`;
}

export function renderStatus(
  status: Status,
  now: number,
  style: Style,
  kept?: SiteConfig["state"],
  width = Number.POSITIVE_INFINITY,
): string[] {
  if (!status.exists) return [`${status.site} does not exist; \`everspot up\` brings it up`];
  const since = (time: string) => age(now - Date.parse(time));
  const { answer, direct, owner, certificate, fleet, release, fence, image, mail, spend } = status;
  const rows: [string, string][] = [
    ...(answer === undefined
      ? []
      : [[isUp(answer) ? "up" : "down", `${inWords(answer)}, ${answer.url}`] as [string, string]]),
    ...(direct === undefined
      ? []
      : [["directly", `${inWords(direct)}, from ${direct.address}`] as [string, string]]),
    ...(status.maintenance === undefined
      ? []
      : [["maintenance", maintenanceLine(status.maintenance, since)] as [string, string]]),
    ["site", `${style.bold(status.site)} at ${status.url}`],
    [
      "owner",
      owner === undefined
        ? "none yet"
        : `${owner.instance} at ${owner.address} for ${since(owner.since)}, epoch ${owner.epoch}, ${owner.state}`,
    ],
    ...status.instances.map((i): [string, string] => {
      const price = i.spotPrice === undefined ? "" : `, spot $${i.spotPrice}/h`;
      const version = i.templateVersion === undefined ? "" : `, template version ${i.templateVersion}`;
      return [
        "instance",
        `${i.id} ${i.state}, ${i.type} in ${i.zone}, ${since(i.launched)} old${price}${version}`,
      ];
    }),
    [
      "release",
      [
        release.current ?? "none",
        ...(release.candidate === undefined ? [] : [`candidate ${release.candidate}`]),
        ...(release.lastKnownGood === undefined || release.lastKnownGood === release.current
          ? []
          : [`last known good ${release.lastKnownGood}`]),
      ].join(", "),
    ],
    ...status.records
      .filter((r) => r.type !== "NS" && r.type !== "SOA")
      .map((r): [string, string] => [
        "record",
        `${r.name} ${r.type} ${r.values.join(" ")}${r.ttl === undefined ? "" : `, TTL ${r.ttl} s`}`,
      ]),
    ["fence", fence === undefined ? "none" : `epoch ${fence.epoch}, ${fence.owner}`],
    [
      "certificate",
      certificate === undefined
        ? "none yet"
        : `until ${certificate.expires.slice(0, 10)} (${age(Date.parse(certificate.expires) - now)}), from ${certificate.source}`,
    ],
    ...(mail === undefined
      ? []
      : [["mail", `${mail.email}${mail.confirmed ? "" : ", not confirmed yet"}`] as [string, string]]),
    ...(spend === undefined
      ? []
      : [
          [
            "spend",
            `${usd(spend.spent)} this month in the whole account, of ${usd(spend.monthly)}${spend.forecast === undefined ? "" : `; ${usd(spend.forecast)} expected`} (8 to 12 h old)`,
          ] as [string, string],
        ]),
    ...(status.boot?.workers ?? []).map(({ name, state, restarts }): [string, string] => [
      "worker",
      `${name} ${state}${restarts === 0 ? "" : `, started again ${restarts} times`}`,
    ]),
    ...(kept === undefined
      ? []
      : [dataLine(status, kept, since), ...drillLine(status, since)].map((line): [string, string] => [
          "data",
          line,
        ])),
    [
      "fleet",
      fleet === undefined
        ? "none"
        : `${fleet.id} ${fleet.state}, ${fleet.fulfilled} of ${fleet.target}, template version ${fleet.templateVersion ?? "?"}`,
    ],
    [
      "image",
      image === undefined
        ? "none"
        : image.created === undefined
          ? `${image.id}, Debian's`
          : `${image.id}, the site's own, ${since(image.created)} old, at most ${dollars(snapshotCost(image.gigabytes ?? 0))} a month`,
    ],
  ];
  return [
    ...rows.flatMap(([name, text]) => wrapped(style.dim(name.padEnd(12)), text, width, 12)),
    ...(status.boot === undefined ? [] : renderBoot(status.boot, style, width)),
    ...status.odd.flatMap((text) => wrapped(`${style.yellow("!")} `, text, width, 2)),
    ...whatFailed(status, status.boot, style),
    ...renderConsole(status),
  ];
}

const maintenanceLine = (
  { since: at, by, allow }: NonNullable<Status["maintenance"]>,
  since: (time: string) => string,
): string =>
  `on for ${since(at)}, by ${by}${allow.length === 0 ? "" : `; ${allow.join(", ")} may see the site`}`;

function drillLine({ data }: Status, since: (time: string) => string): string[] {
  const drill = data?.drill;
  if (drill === undefined) return [];
  const rows = drill.databases.reduce((sum, { rows }) => sum + rows, 0);
  const how = drill.failures.length === 0 ? "all of it is whole" : "it is NOT whole";
  return [`test restore ${since(drill.at)} ago: ${how}, ${plural(rows, "row")}, entry ${drill.entry}`];
}

function dataLine(
  { data }: Status,
  kept: NonNullable<SiteConfig["state"]>,
  since: (time: string) => string,
): string {
  if (data === undefined) return `nothing of ${kept.database.join(", ")} is kept yet`;
  const uploads = data.uploads === 0 ? "" : ` and ${plural(data.uploads, "upload")}`;
  const size = data.base === undefined ? "" : `${megabytes(data.size)}${uploads}, `;
  return `${size}entry ${data.entry} ${since(data.at)} ago, by ${data.by}; "${kept.durability}": ${promiseOf(kept)}`;
}

/** Shows an instance that only its console can tell of. */
function renderConsole({ console }: Status): string[] {
  if (console === undefined) return [];
  const { instance, lines } = console;
  return lines.length === 0
    ? [`${instance} runs, but its agent has not been heard from, and EC2 has no console output of it yet`]
    : [
        `${instance} runs, but its agent has not been heard from; the end of its console:`,
        ...lines.map((line) => `    ${line}`),
      ];
}

/** What came before the app's start, with the time that each command took. */
const commandsOf = (boot: BootRecord | undefined): string[] =>
  (boot?.steps ?? []).flatMap(({ phase, name, detail }) =>
    phase === "boot" && name === "prepare" && detail !== undefined ? [`prepare: ${detail}`] : [],
  );

/** What the step that failed said, and what to do; of the newest release that is condemned, what that said. */
function whatFailed({ release }: Status, boot: BootRecord | undefined, style: Style): string[] {
  const step = boot === undefined ? undefined : failedStep(boot, "boot");
  const bad = release.quarantined;
  const failure = (title: string, lines: readonly string[] | undefined) =>
    lines === undefined || lines.length === 0 ? [] : [`${title}:`, ...lines.map((line) => `    ${line}`)];
  return [
    ...(step === undefined ? [] : failure(`${style.red("✗")} ${step.name}: ${step.error ?? ""}`, step.lines)),
    ...(step?.hint === undefined ? [] : [`  ${style.dim("what to do:")} ${step.hint}`]),
    ...(bad === undefined || isDeepStrictEqual(bad.lines, step?.lines)
      ? []
      : failure(`${style.red("✗")} ${bad.id}: ${bad.reason}`, bad.lines)),
  ];
}

function renderBoot(boot: BootRecord, style: Style, width: number): string[] {
  const attempt = boot.attempt > 1 ? `, attempt ${boot.attempt}` : "";
  const wide = Math.max(0, ...boot.steps.map((s) => stepLabel(s).length));
  return [
    ...wrapped(
      style.dim("boot".padEnd(12)),
      `${boot.instance}, ${boot.state}${attempt}, began ${boot.started}`,
      width,
      12,
    ),
    ...boot.steps.map((s) => {
      const time = s.seconds === undefined ? s.state : took(s.seconds);
      const text = s.error ?? s.detail ?? "";
      return `  ${marks(style)[s.state]} ${stepLabel(s).padEnd(wide)}  at ${s.start.toFixed(1).padStart(5)} s  ${time.padStart(7)}  ${text}`.trimEnd();
    }),
  ];
}

const marks = (style: Style) => ({
  running: "…",
  done: style.green("✓"),
  failed: style.red("✗"),
  stopped: style.dim("–"),
});
