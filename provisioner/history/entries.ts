import type { BootRecord, DeployState } from "../../agent/site/records.ts";
import type { Replacements } from "../../agent/site/replacements.ts";
import type { Drill } from "../drill/record.ts";

/** Something that happened to a site. Times ISO 8601, durations seconds. */
export interface Entry {
  at: string;
  kind: "first" | "replacement" | "swap" | "in-place" | "drill" | "given-up";
  /** It brought what it was to bring; undefined: not over, or nobody knows. */
  ok: boolean | undefined;
  seconds: number | undefined;
  instance: string | undefined;
  release: string | undefined;
  /** One line for a person. */
  text: string;
  /** Of a boot: for the picture. */
  steps: { name: string; start: number; seconds: number; failed: boolean }[];
}

export interface HistoryInput {
  boots: readonly BootRecord[];
  deploy: DeployState | undefined;
  drills: readonly Drill[];
  replacements: Replacements | undefined;
}

/** Everything that is known of a site's past, newest first. Pure. */
export function entriesOf({ boots, deploy, drills, replacements }: HistoryInput): Entry[] {
  const ordered = [...boots].sort((a, b) => launchOf(a).localeCompare(launchOf(b)));
  return [
    ...ordered.map((boot, i) => bootEntry(boot, i === 0, deploy)),
    ...ordered.flatMap(inPlaceEntry),
    ...(deploy === undefined || deploy.kind !== "swap" ? [] : [swapEntry(deploy)]),
    ...drills.map(drillEntry),
    ...(replacements?.given ?? []).map(
      (given): Entry => ({
        ...nothing,
        at: given.at,
        kind: "given-up",
        ok: undefined,
        instance: given.instance,
        text: `${given.instance} ended itself: ${given.reason}`,
      }),
    ),
  ].sort((a, b) => b.at.localeCompare(a.at));
}

const nothing = { seconds: undefined, instance: undefined, release: undefined, steps: [] };
const launchOf = (boot: BootRecord): string => boot.launched ?? boot.started;

function bootEntry(boot: BootRecord, first: boolean, deploy: DeployState | undefined): Entry {
  const steps = boot.steps.flatMap(({ name, start, seconds, state }) =>
    seconds === undefined || name.startsWith("in-place: ")
      ? []
      : [{ name, start, seconds, failed: state === "failed" }],
  );
  const served = boot.epoch !== undefined;
  const end = Math.max(0, ...steps.map((s) => s.start + s.seconds));
  const launched = Date.parse(launchOf(boot));
  const seconds = served ? round((Date.parse(boot.started) - launched) / 1000 + end) : undefined;
  const failed = boot.steps.find((s) => s.state === "failed");
  return {
    at: launchOf(boot),
    kind: first ? "first" : deploy?.kind === "swap" && isOf(deploy, boot) ? "swap" : "replacement",
    ok: served ? true : boot.state === "failed" ? false : undefined,
    seconds,
    instance: boot.instance,
    release: boot.release,
    text: [
      `${boot.instance}${boot.type === undefined ? "" : ` (${boot.type} in ${boot.zone})`}`,
      served ? `epoch ${boot.epoch}` : boot.state,
      ...(boot.attempt > 1 ? [`attempt ${boot.attempt}`] : []),
      ...(failed === undefined ? [] : [`${failed.name}: ${failed.error ?? "failed"}`]),
    ].join(", "),
    steps,
  };
}

/** Whether a deploy made the machine: launched while it ran, with its release. */
const isOf = (deploy: DeployState, boot: BootRecord): boolean =>
  boot.release === deploy.release && launchOf(boot) >= deploy.started && launchOf(boot) <= deploy.heartbeat;

function swapEntry(deploy: DeployState): Entry {
  const running = deploy.state === "running";
  const seconds = round((Date.parse(deploy.heartbeat) - Date.parse(deploy.started)) / 1000);
  return {
    ...nothing,
    at: deploy.started,
    kind: "swap",
    ok: running ? undefined : deploy.state === "done",
    seconds,
    release: deploy.release,
    text: `deploy of ${deploy.release ?? "a release"} by ${deploy.by}: ${deploy.state}${running ? `, ${deploy.step}` : ""}${deploy.reason === undefined ? "" : `, ${deploy.reason}`}`,
  };
}

/** The last swap in place of an instance, whose steps its boot record keeps. */
function inPlaceEntry(boot: BootRecord): Entry[] {
  const { inPlace } = boot;
  if (inPlace === undefined) return [];
  const steps = boot.steps.filter((s) => s.name.startsWith("in-place: "));
  const start = Math.min(...steps.map((s) => s.start));
  const end = Math.max(...steps.map((s) => s.start + (s.seconds ?? 0)));
  const known = steps.length > 0;
  return [
    {
      ...nothing,
      at: new Date(Date.parse(boot.started) + (known ? start * 1000 : 0)).toISOString(),
      kind: "in-place",
      ok: inPlace.state === "running" ? undefined : inPlace.state === "done",
      seconds: known ? round(end - start) : undefined,
      instance: boot.instance,
      release: inPlace.release,
      text: `${inPlace.release} on ${boot.instance}: ${inPlace.state}${inPlace.reason === undefined ? "" : `, ${inPlace.reason}`}`,
    },
  ];
}

const drillEntry = (drill: Drill): Entry => ({
  ...nothing,
  at: drill.at,
  kind: "drill",
  ok: true,
  seconds: drill.downtime,
  instance: drill.to,
  text: `${drill.from} terminated by ${drill.by}: ${drill.failed} of ${drill.requests} requests failed, ${drill.to} took over after ${drill.handedOver} s`,
});

const round = (seconds: number): number => Math.round(seconds * 100) / 100;
