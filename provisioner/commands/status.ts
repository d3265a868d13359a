import { isDeepStrictEqual } from "node:util";
import { alertsDocument, openOnes } from "../../agent/site/alerts/alerts.ts";
import { type BootRecord, failedStep, stepLabel } from "../../agent/site/boot-record.ts";
import { certificateNames } from "../../agent/site/certificate-names.ts";
import { pointerDocument } from "../../agent/site/certificates.ts";
import { readDocument } from "../../agent/site/document.ts";
import { EverspotError } from "../../agent/site/errors.ts";
import { keys } from "../../agent/site/names.ts";
import { readJsonIfKnown } from "../../agent/site/read-json.ts";
import { drilled } from "../../agent/site/state/drilled.ts";
import { readBoot } from "../aws/boot-records.ts";
import { type Aws, connect } from "../aws/connect.ts";
import { type BootBar, bootBars, renderBars } from "../boots/bars.ts";
import { consoleTail, secretsOf } from "../boots/console.ts";
import { addressOf } from "../config/address.ts";
import type { SiteConfig } from "../config/site-config.ts";
import { megabytes, plural } from "../data/counted.ts";
import { glance } from "../data/glance.ts";
import { maintenanceOf } from "../operator/maintenance.ts";
import { age, type Style, took } from "../operator/terminal.ts";
import type { Tools } from "../operator/tools.ts";
import { wrapped } from "../operator/wrapped.ts";
import { dollars, snapshotCost } from "../plan/bill.ts";
import { promiseOf } from "../plan/state-bill.ts";
import { observeImageAge } from "../seen/image-age.ts";
import { observeDns, observeSite, type SiteSeen } from "../seen/observe.ts";
import { type Answer, type DataSeen, inWords, isUp, type Status, statusOf, usd } from "../seen/status.ts";
import { observeTold } from "../seen/told.ts";

export interface StatusOptions {
  /** Shows the steps of the last boot as bars instead. */
  boot: boolean;
  /** Ends with exit code 1 if anything is odd. */
  check: boolean;
}

/** `everspot status`: who serves the site, since when, with what, and what is odd about it. Changes nothing. */
export async function runStatus(
  config: SiteConfig,
  tools: Pick<Tools, "terminal" | "clock" | "publicDns" | "probe">,
  options: StatusOptions = { boot: false, check: false },
): Promise<void> {
  const { terminal, clock } = tools;
  const aws = await connect(config, clock);
  try {
    const { status, boot } = await seeStatus(config, aws, tools);
    const { style, columns, width } = terminal;
    const bars = boot === undefined ? [] : bootBars(boot);
    const lines = options.boot
      ? [
          bootLine(boot, bars, clock.now()),
          ...renderBars(bars, columns, style),
          ...commandsOf(boot),
          ...whatFailed(status, boot, style),
          ...renderConsole(status),
        ]
      : renderStatus(status, clock.now(), style, config.state, width);
    for (const line of lines) terminal.print(line);
    terminal.json({ command: "status", ...status, bars: options.boot ? bars : undefined });
    if (options.check) check(status);
  } finally {
    aws.close();
  }
}

/** Looks at all there is of a site, and asks it for a page. Changes nothing. */
export async function seeStatus(
  config: SiteConfig,
  aws: Aws,
  tools: Pick<Tools, "clock" | "publicDns" | "probe">,
): Promise<{ status: Status; boot: BootRecord | undefined; seen: SiteSeen }> {
  const { clock } = tools;
  const seen = await observeSite(aws);
  const names = certificateNames(config);
  const instance = seen.instances.find((i) => i.alive)?.id ?? seen.state?.owner;
  const url = addressOf(config, config.app.health);
  const hasBucket = seen.bucket !== undefined;
  const tells = config.notify?.email !== undefined || config.budget !== undefined;
  const [answer, dns, spot, boot, pointer, data, alerts, told, maintenance] = await Promise.all([
    instance === undefined ? undefined : ask(url, tools),
    observeDns(config, aws, tools.publicDns, seen),
    aws.market.spotPrices([...new Set(seen.instances.filter((i) => i.alive).map((i) => i.type))]),
    !hasBucket || instance === undefined ? undefined : readBoot(aws, instance),
    hasBucket ? readDocument(aws.store, pointerDocument(names)) : undefined,
    !hasBucket || config.state === undefined ? undefined : lookAtData(aws),
    hasBucket ? readJsonIfKnown(aws.store, alertsDocument.key, alertsDocument.schema) : undefined,
    tells ? observeTold(config, aws) : undefined,
    hasBucket ? maintenanceOf(aws.store) : undefined,
  ]);
  const silent = boot === undefined ? seen.instances.find((i) => i.state === "running") : undefined;
  const [began, printed, direct] = await Promise.all([
    observeImageAge(config, aws, seen, boot),
    silent && consoleTail(aws, silent.id, secretsOf(config)),
    answer === undefined || isUp(answer) ? undefined : askDirectly(url, seen, tools),
  ]);
  const status = statusOf({
    ...{
      config,
      seen,
      dns,
      boot,
      began,
      pointer: pointer?.value,
      spot,
      answer,
      direct,
      data,
      told,
      maintenance,
    },
    alerts: openOnes(alerts?.alerts ?? []),
    console: silent && printed && { instance: silent.id, lines: printed },
    now: clock.now(),
  });
  return { status, boot, seen };
}

/** At the owner's address, whatever DNS says; an instance that is gone is not asked. */
async function askDirectly(
  url: string,
  { instances, state }: SiteSeen,
  tools: Pick<Tools, "probe" | "clock">,
): Promise<(Answer & { address: string }) | undefined> {
  const owner = instances.find((i) => i.alive && i.id === state?.owner);
  const address = owner?.address;
  return address === undefined ? undefined : { ...(await ask(url, tools, address)), address };
}

/** Once, as a visitor would. */
async function ask(
  url: string,
  { probe, clock }: Pick<Tools, "probe" | "clock">,
  at?: string,
): Promise<Answer> {
  const began = clock.now();
  const said = await probe(url, at);
  return { url, milliseconds: Math.round(clock.now() - began), ...said };
}

/** @throws EverspotError unless all is as it should be. */
function check({ site, exists, odd }: Status): void {
  if (exists && odd.length === 0) return;
  throw new EverspotError(exists ? `${site} needs a look` : `${site} does not exist`, {
    lines: odd,
    hint: exists ? "`everspot doctor` finds out why, and what comes next" : "`everspot up` brings it up",
  });
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

async function lookAtData(aws: Aws): Promise<DataSeen | undefined> {
  const [seen, drill] = await Promise.all([
    glance(aws.state),
    // Who may only deploy may not read it.
    readJsonIfKnown(aws.store, keys.stateDrill, drilled).catch(() => undefined),
  ]);
  return seen && { ...seen, drill };
}

function drillLine({ data }: Status, since: (time: string) => string): string[] {
  const drill = data?.drill;
  if (drill === undefined) return [];
  const rows = drill.databases.reduce((sum, { rows }) => sum + rows, 0);
  const how = drill.failures.length === 0 ? "all of it is whole" : "it is NOT whole";
  return [`restored ${since(drill.at)} ago to see: ${how}, ${plural(rows, "row")}, entry ${drill.entry}`];
}

function dataLine(
  { data }: Status,
  kept: NonNullable<SiteConfig["state"]>,
  since: (time: string) => string,
): string {
  if (data === undefined) return `nothing is kept yet of ${kept.database.join(", ")}`;
  const uploads = data.uploads === 0 ? "" : ` and ${plural(data.uploads, "upload")}`;
  const size = data.base === undefined ? "" : `${megabytes(data.size)}${uploads}, `;
  return `${size}entry ${data.entry} ${since(data.at)} ago, by ${data.by}; "${kept.durability}": ${promiseOf(kept)}`;
}

/** Of an instance that only its console can tell of. */
function renderConsole({ console }: Status): string[] {
  if (console === undefined) return [];
  const { instance, lines } = console;
  return lines.length === 0
    ? [`${instance} runs without a word from its agent, and EC2 shows nothing of its console yet`]
    : [
        `${instance} runs without a word from its agent; the end of its console:`,
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
  const told = (title: string, lines: readonly string[] | undefined) =>
    lines === undefined || lines.length === 0 ? [] : [`${title}:`, ...lines.map((line) => `    ${line}`)];
  return [
    ...(step === undefined ? [] : told(`${style.red("✗")} ${step.name}: ${step.error ?? ""}`, step.lines)),
    ...(step?.hint === undefined ? [] : [`  ${style.dim("what to do:")} ${step.hint}`]),
    ...(bad === undefined || isDeepStrictEqual(bad.lines, step?.lines)
      ? []
      : told(`${style.red("✗")} ${bad.id}: ${bad.reason}`, bad.lines)),
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
