import { readlink } from "node:fs/promises";
import type { Logger } from "pino";
import { afterwards } from "../boot/after-boot.ts";
import { blame, logged } from "../boot/boot.ts";
import type { Identity } from "../identity/identity.ts";
import type { Machine } from "../machine/machine.ts";
import { runGraph, type Step, StepFailed, type StepObserver, step } from "../record/graph.ts";
import type { BootRecorder } from "../record/recorder.ts";
import { fetchRelease } from "../release/fetch.ts";
import { type AppMachine, bundles, prepareApp, startApp, switchTo, waitHealthy } from "../serving/app.ts";
import { drained } from "../serving/drain.ts";
import { EverspotError, messageOf } from "../site/errors.ts";
import type { DeployState } from "../site/records.ts";
import { appUnit } from "../system/paths.ts";
import type { Role } from "./role.ts";

export interface InPlaceContext {
  machine: Machine;
  identity: Identity;
  recorder: BootRecorder;
  log: Logger;
  signal: AbortSignal;
  /** Where apps run on this machine. */
  app(): Promise<AppMachine>;
  /** Asks this machine for the site as a visitor will. @throws Error when it does not answer 200. */
  probe(signal: AbortSignal): Promise<{ milliseconds: number }>;
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
    if (!(await swapInPlace(wanted, owned.release, this.#context))) return;
    const { machine, identity, log, signal } = this.#context;
    await this.#role.serves(wanted.release);
    await afterwards(machine, { identity, release: wanted.release }, log, signal);
  }
}

const PREFIX = "in-place: ";
const STOP_SECONDS = 60;

/**
 * Runs the candidate on this machine beside the release that serves, and lets it take over by renaming two links
 * (DESIGN §7): requests that run end where they began. The steps are in the boot record.
 *
 * When anything fails the old release keeps serving, and the candidate is quarantined if it is to blame. Safe to
 * repeat after it was cut off.
 * @returns whether the release serves now. @throws the signal's reason, nothing else.
 */
export async function swapInPlace(
  wanted: { deploy: string; release: string },
  running: string,
  context: InPlaceContext,
): Promise<boolean> {
  const { machine, recorder, log, signal } = context;
  const note = (state: "running" | "done" | "failed", reason?: string): void =>
    recorder.change({ inPlace: { ...wanted, state, ...(reason === undefined ? {} : { reason }) } });
  note("running");
  recorder.forget((name) => name.startsWith(PREFIX));
  try {
    await runGraph(inPlaceSteps(wanted.release, running, context), prefixed(logged(recorder, log)), signal);
    note("done");
    return true;
  } catch (error) {
    signal.throwIfAborted();
    const step = error instanceof StepFailed ? `${error.step}: ` : "";
    try {
      if (wanted.release !== running) await machine.units.stop(appUnit(wanted.release), STOP_SECONDS);
      const bad = error instanceof StepFailed && error.step === "switch" ? messageOf(error) : blame(error);
      if (bad !== undefined) await machine.candidates.quarantine(wanted.release, bad);
      await machine.candidates.failed(bad);
    } catch (cause) {
      log.warn(`after a swap in place that failed: ${messageOf(cause)}`);
    }
    note("failed", `${step}${messageOf(error)}`);
    return false;
  }
}

function inPlaceSteps(id: string, running: string, context: InPlaceContext): Step<unknown>[] {
  const { machine, identity } = context;
  const { config, units, candidates, clock } = machine;

  const release = step("release", {}, async (_, { detail, signal }) => {
    // What serves already was tried before; the agent that did it may have been cut off.
    const choice = id === running ? { id } : await candidates.next(identity.instance);
    if (choice.id !== id) {
      throw new EverspotError(`${id} is not the candidate any more, ${choice.id} is next`, {
        hint: "somebody deployed or rolled back meanwhile; deploy again",
      });
    }
    const fetched = await fetchRelease(machine.store, id, machine.disk, machine.platform, signal);
    detail(`${id} from the ${fetched.from}`);
    return fetched.folder;
  });

  const prepare = step("prepare", { release }, async (got, { detail, signal }) => {
    if (!(await bundles(got.release, "gunicorn"))) {
      await machine.packages(identity).ensure({ lean: ["gunicorn"] }, signal);
    }
    const app = await context.app();
    const secrets = await machine.secrets.read();
    detail(await prepareApp(app, id, got.release, secrets, signal));
    return app;
  });

  const app = step("app", { prepare }, (got, { signal }) => startApp(got.prepare, id, signal));

  const healthy = step("healthy", { app, prepare }, async (got, { detail, signal }) => {
    await waitHealthy(got.prepare, id, signal);
    detail(`${config.app.health} answers 200`);
  });

  const switched = step("switch", { healthy, prepare, release }, async (got, { detail, signal }) => {
    const before = await readlink(got.prepare.links.release);
    await switchTo(got.prepare, id, got.release);
    try {
      const answer = await context.probe(signal);
      detail(`200 in ${answer.milliseconds} ms`);
    } catch (error) {
      await switchTo(got.prepare, running, before);
      throw error;
    }
  });

  const promote = step("promote", { switched }, async (_, { detail }) => {
    const promoted = await candidates.promote(id);
    detail(promoted ? `${id} is current` : "nothing to change");
  });

  const stop = step("stop the old one", { promote, prepare }, async (got, { detail }) => {
    if (running === id) return;
    const ended = await drained(got.prepare.socketOf(running), config.app.timeout, clock);
    await units.stop(appUnit(running), STOP_SECONDS);
    detail(`${running}${ended ? "" : ", with requests that took too long"}`);
  });

  return [release, prepare, app, healthy, switched, promote, stop];
}

const prefixed = (observer: StepObserver): StepObserver => ({
  started: (name, needs) =>
    observer.started(
      PREFIX + name,
      needs.map((need) => PREFIX + need),
    ),
  detail: (name, text) => observer.detail(PREFIX + name, text),
  warned: (name, text) => observer.warned(PREFIX + name, text),
  done: (name) => observer.done(PREFIX + name),
  failed: (name, error) => observer.failed(PREFIX + name, error),
});
