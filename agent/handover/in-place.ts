import { readlink } from "node:fs/promises";
import type { Logger } from "pino";
import { afterBoot } from "../boot/after-boot.ts";
import { appSteps, bringRelease, ensureGunicorn, keepPackages } from "../machine/app-steps.ts";
import type { Machine } from "../machine/machine.ts";
import { DEADLINES } from "../record/deadline.ts";
import { runGraph, type Step, type StepContext, StepFailed, step } from "../record/graph.ts";
import { logged } from "../record/logged.ts";
import type { BootLog } from "../record/recorder.ts";
import { switchTo } from "../serving/app.ts";
import { drained } from "../serving/drain.ts";
import { longestTimeout } from "../site/config/app.ts";
import { EverspotError, messageOf } from "../site/errors.ts";
import type { DeployState } from "../site/records.ts";
import { appUnit } from "../system/paths.ts";
import type { Role } from "./role.ts";

export interface InPlaceContext {
  machine: Machine;
  recorder: BootLog;
  log: Logger;
  signal: AbortSignal;
  /** Ends jobs and workers, each in its time, and begins none. @returns has them go on. */
  pauseJobs(): Promise<() => void>;
}

/** Swaps in place as deploys ask for them, each once, while this instance owns the site. */
export class InPlace {
  readonly #context: InPlaceContext;
  readonly #role: Role;
  readonly #begun = new Set<string>();
  #last: Promise<void> = Promise.resolve();

  constructor(context: InPlaceContext, role: Role) {
    this.#context = context;
    this.#role = role;
  }

  begin({ id, kind, release }: DeployState): void {
    if (kind !== "in-place" || release === undefined || this.#begun.has(id)) return;
    this.#begun.add(id);
    this.#last = this.#last.then(() => this.#swap({ deploy: id, release })).catch(() => undefined);
  }

  ended(): Promise<void> {
    return this.#last;
  }

  async #swap(wanted: { deploy: string; release: string }): Promise<void> {
    const owned = this.#role.owned;
    if (owned === undefined) return;
    const { machine, log, signal, pauseJobs } = this.#context;
    const goOn = await pauseJobs();
    try {
      if (!(await swapInPlace(wanted, owned.release, this.#context))) return;
      await this.#role.serves(wanted.release);
    } finally {
      goOn();
    }
    await afterBoot(machine, { release: wanted.release }, log, signal);
  }
}

const SWITCH = "switch";
const STOP_SECONDS = 60;
/** The app switched to is known to be healthy, so any trouble at the front door shows at once. */
const PROBE_SECONDS = 3;

/**
 * Runs the candidate on this machine beside the release that serves, and lets it take over by renaming two links
 * (DESIGN §7): running requests end where they began. The steps are in the boot record.
 *
 * When anything fails the old release keeps serving, and the candidate is quarantined if it is to blame. Safe to
 * repeat after it has been cut off.
 * @returns whether the release serves now. @throws only the signal's reason.
 */
export const swapInPlace = (
  wanted: Wanted,
  running: string,
  context: Omit<InPlaceContext, "pauseJobs">,
): Promise<boolean> =>
  swapBy(inPlaceSteps(wanted.release, running, context.machine), wanted, running, context);

interface Wanted {
  deploy: string;
  release: string;
}

/** The same with other steps. */
export async function swapBy(
  steps: readonly Step<unknown>[],
  wanted: Wanted,
  running: string,
  context: Omit<InPlaceContext, "machine" | "pauseJobs"> & {
    machine: Pick<Machine, "candidates" | "patience" | "units">;
  },
): Promise<boolean> {
  const { machine, recorder, log, signal } = context;
  const note = (state: "running" | "done" | "failed", reason?: string): void =>
    recorder.change({ inPlace: { ...wanted, state, reason } });
  note("running");
  recorder.forget("in-place");
  // They were about the release that is to be replaced.
  const names = steps.map((one) => one.name);
  const warnings = recorder.unwarn(names);
  try {
    await runGraph(steps, logged(recorder, log, "in-place"), signal, machine.patience);
    note("done");
    return true;
  } catch (error) {
    signal.throwIfAborted();
    recorder.unwarn(names);
    for (const warning of warnings) recorder.warn(warning);
    const failed = error instanceof StepFailed ? error : undefined;
    try {
      if (wanted.release !== running) await machine.units.stop(appUnit(wanted.release), STOP_SECONDS);
      const bad = failed?.step === SWITCH ? failed.message : failed?.blame;
      if (bad !== undefined) await machine.candidates.quarantine(wanted.release, bad, failed?.lines);
      await machine.candidates.failed(bad, failed?.lines);
    } catch (cause) {
      log.warn(`after a swap in place that failed: ${messageOf(cause)}`);
    }
    note("failed", `${failed === undefined ? "" : `${failed.step}: `}${messageOf(error)}`);
    return false;
  }
}

function inPlaceSteps(id: string, running: string, machine: Machine): Step<unknown>[] {
  const { config, identity, units, candidates, clock, host } = machine;

  const bring = async (_: unknown, context: StepContext) => {
    // A release that serves already has been tried; the agent that tried it may have been cut off.
    const choice = id === running ? { id } : await candidates.next(identity.instance);
    if (choice.id !== id) {
      throw new EverspotError(`${id} is no longer the candidate, ${choice.id} is next`, {
        hint: "someone deployed or rolled back meanwhile; deploy again",
      });
    }
    return bringRelease(machine, { id, isCandidate: id !== running }, id, context);
  };
  const release = step({ name: "release", takes: "transfer" }, {}, bring, "when-fatal");

  const { prepare, app, healthy, look, gate } = appSteps(
    machine,
    release,
    { release },
    async (got, { signal }) => {
      await ensureGunicorn(machine, got.release, signal);
      return { apps: await host.apps(), secrets: await machine.secrets.read() };
    },
  );

  const switched = step(SWITCH, { healthy, prepare, release, ...gate }, async (got, { detail, signal }) => {
    const before = await readlink(got.prepare.links.release);
    await switchTo(got.prepare, id, got.release.folder);
    try {
      const answer = await host.probe(PROBE_SECONDS, signal);
      detail(`200 in ${answer.milliseconds} ms`);
    } catch (error) {
      await switchTo(got.prepare, running, before);
      throw error;
    }
  });

  const promote = step({ name: "promote", takes: "install" }, { switched }, async (_, context) => {
    await keepPackages(machine, context);
    const promoted = await candidates.promote(id);
    context.detail(promoted ? `${id} is current` : "no change");
  });

  const seconds = longestTimeout(config.app);
  const live = config.app.asgi !== undefined;
  const ends = seconds + DEADLINES.calls;
  const stop = step(
    { name: "stop the old one", takes: ends },
    { promote, prepare },
    async (got, { detail }) => {
      if (running === id) return;
      const ended = await drained(got.prepare.socketOf(running), { seconds, live }, clock);
      await units.stop(appUnit(running), STOP_SECONDS);
      detail(`${running}${ended ? "" : ", with requests that took too long"}`);
    },
  );

  return [release, prepare, app, healthy, look, switched, promote, stop];
}
