import type { Logger } from "pino";
import { afterBoot } from "../boot/after-boot.ts";
import type { Machine } from "../machine/machine.ts";
import { runGraph, type Step, StepFailed } from "../record/graph.ts";
import { logged } from "../record/logged.ts";
import type { BootLog } from "../record/recorder.ts";
import type { DeployState } from "../site/documents/deploy-state.ts";
import { messageOf } from "../site/errors.ts";
import { appUnit } from "../system/paths.ts";
import { inPlaceSteps, STOP_SECONDS, SWITCH } from "./in-place-steps.ts";
import type { Role } from "./role.ts";
import { takeBack, trialSteps } from "./trial.ts";

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

/**
 * Runs the candidate on this machine beside the release that serves, and lets it take over by renaming two links
 * (DESIGN §7): running requests end where they began. The steps are in the boot record.
 *
 * When anything fails the old release keeps serving, and the candidate is quarantined if it is to blame. Safe to
 * repeat after it has been cut off.
 * @returns whether the release serves now. @throws only the signal's reason.
 */
export function swapInPlace(
  wanted: Wanted,
  running: string,
  context: Omit<InPlaceContext, "pauseJobs">,
): Promise<boolean> {
  const { machine, signal } = context;
  const { state } = machine;
  if (state === undefined || machine.bringing !== undefined || wanted.release === running) {
    return swapBy(inPlaceSteps(wanted.release, running, machine), wanted, running, context);
  }
  const steps = trialSteps(wanted.release, running, machine, state);
  return swapBy(steps, wanted, running, context, () => takeBack(machine, state, running, signal));
}

interface Wanted {
  deploy: string;
  release: string;
}

/** The same with other steps. @param undo what is done besides when they fail, before the release is blamed. */
export async function swapBy(
  steps: readonly Step<unknown>[],
  wanted: Wanted,
  running: string,
  context: Omit<InPlaceContext, "machine" | "pauseJobs"> & {
    machine: Pick<Machine, "candidates" | "patience" | "units">;
  },
  undo: () => Promise<void> = async () => {},
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
      await undo();
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
