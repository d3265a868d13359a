import { type BootRecord, failedStep, stepLabel } from "../../agent/site/boot-record.ts";
import type { DeployState } from "../../agent/site/documents/deploy-state.ts";
import type { Replacements } from "../../agent/site/replacements.ts";
import { abandoned, type PastDeploy } from "./deploys.ts";
import type { Drill } from "./drills.ts";

/** Something that happened to a site. Times ISO 8601, durations seconds. */
export interface Entry {
  at: string;
  kind:
    | "first"
    | "replacement"
    | "new-instance"
    | "reboot"
    | "swap"
    | "in-place"
    | "rollback"
    | "drill"
    | "given-up";
  /** Whether it succeeded; undefined: not over, or not known. */
  ok: boolean | undefined;
  seconds: number | undefined;
  instance: string | undefined;
  release: string | undefined;
  /** One line for a person. */
  text: string;
  /** The steps of a boot or a deploy, for the picture. */
  steps: { name: string; start: number; seconds: number; failed: boolean }[];
}

export interface HistoryInput {
  /** The last boot of each instance, and those before it. */
  boots: readonly BootRecord[];
  deploys: readonly PastDeploy[];
  /** deploy.json: a deploy that is not over, or never made it into the history. */
  deploy: DeployState | undefined;
  drills: readonly Drill[];
  replacements: Replacements | undefined;
}

/** Everything that is known of a site's past, newest first. Pure. */
export function entriesOf({ boots, deploys, deploy, drills, replacements }: HistoryInput): Entry[] {
  const known = new Set(deploys.map((d) => d.id));
  const last = deploy !== undefined && !known.has(deploy.id) ? deploy : undefined;
  const made = [...deploys, ...(last === undefined ? [] : [abandoned(last)])];
  const ordered = [...boots].sort((a, b) => a.started.localeCompare(b.started));
  return [
    ...ordered.map((boot, i) => bootEntry(boot, ordered.slice(0, i), made)),
    ...ordered.flatMap((boot) => inPlaceEntry(boot, made)),
    ...deploys.map(deployEntry),
    ...(last === undefined ? [] : [lastDeployEntry(last)]),
    ...drills.map(drillEntry),
    ...(replacements?.given ?? []).map(
      (given): Entry => ({
        ...nothing,
        at: given.at,
        kind: "given-up",
        ok: undefined,
        instance: given.instance,
        text: `${given.instance} asked to be replaced: ${given.reason}`,
      }),
    ),
  ].sort((a, b) => b.at.localeCompare(a.at));
}

const nothing = { seconds: undefined, instance: undefined, release: undefined, steps: [] };
function bootEntry(boot: BootRecord, earlier: readonly BootRecord[], deploys: readonly PastDeploy[]): Entry {
  const steps = boot.steps.flatMap(({ phase, name, start, seconds, state }) =>
    seconds === undefined || phase === "in-place"
      ? []
      : [{ name: stepLabel({ phase, name }), start, seconds, failed: state === "failed" }],
  );
  const before = earlier.findLast((b) => b.instance === boot.instance);
  // To EC2, a start after a stop is a launch; a reboot is not.
  const rebooted = before !== undefined && (boot.launched === undefined || boot.launched <= before.started);
  const began = rebooted ? boot.started : (boot.launched ?? boot.started);
  const served = boot.epoch !== undefined;
  const end = Math.max(0, ...steps.map((s) => s.start + s.seconds));
  const seconds = served ? round((Date.parse(boot.started) - Date.parse(began)) / 1000 + end) : undefined;
  const failed = failedStep(boot, "boot");
  return {
    at: began,
    kind: kindOf(),
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

  function kindOf(): Entry["kind"] {
    if (before !== undefined) return "reboot";
    if (earlier.length === 0) return "first";
    return deploys.some((deploy) => isOf(deploy, began, boot)) ? "new-instance" : "replacement";
  }
}

/** Whether a deploy made the machine: launched while it ran, with its release. */
function isOf(deploy: PastDeploy, began: string, boot: BootRecord): boolean {
  if (deploy.kind !== "swap" || boot.release !== deploy.release) return false;
  const after = (Date.parse(began) - Date.parse(deploy.at)) / 1000;
  return after >= 0 && after <= deploy.seconds;
}

function deployEntry(deploy: PastDeploy): Entry {
  const { command, kind, result, release, previous, requests, reason } = deploy;
  return {
    at: deploy.at,
    kind: command === "rollback" ? "rollback" : kind,
    ok: result === "done" || result === "unchanged",
    seconds: deploy.seconds,
    instance: deploy.instance,
    release,
    text: [
      `${command} of ${release ?? "a release"} by ${deploy.by}: ${result}`,
      ...(command === "rollback" && kind === "in-place" ? ["in place"] : []),
      ...(previous === undefined || previous === release ? [] : [`${previous} before`]),
      ...(requests === undefined ? [] : [`${requests.failed} of ${requests.total} requests failed`]),
      ...(reason === undefined ? [] : [reason]),
    ].join(", "),
    steps: deploy.steps.map(({ name, start, seconds, state }) => ({
      ...{ name, start, seconds },
      failed: state === "failed",
    })),
  };
}

/** The deploy in deploy.json. */
function lastDeployEntry(deploy: DeployState): Entry {
  const running = deploy.state === "running";
  return {
    ...deployEntry(abandoned(deploy)),
    ok: running ? undefined : deploy.state === "done",
    text: `deploy of ${deploy.release ?? "a release"} by ${deploy.by}: ${deploy.state}${running ? `, ${deploy.step}` : ""}${deploy.reason === undefined ? "" : `, ${deploy.reason}`}`,
  };
}

/** A swap in place without a deploy: the watchdog goes back to a release by itself. */
function inPlaceEntry(boot: BootRecord, deploys: readonly PastDeploy[]): Entry[] {
  const { inPlace } = boot;
  if (inPlace === undefined || deploys.some((deploy) => deploy.id === inPlace.deploy)) return [];
  const steps = boot.steps.filter((s) => s.phase === "in-place");
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
  text: `${drill.from} ${drill.way === "terminate" ? "terminated" : "interrupted with notice"} by ${drill.by}: ${drill.failed} of ${drill.requests} requests failed, ${drill.to} took over after ${drill.handedOver} s`,
});

const round = (seconds: number): number => Math.round(seconds * 100) / 100;
