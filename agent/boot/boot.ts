import type { Logger } from "pino";
import type { Machine } from "../machine/machine.ts";
import { runGraph, type Step, StepFailed, type StepObserver, type Values } from "../record/graph.ts";
import { logged } from "../record/logged.ts";
import type { BootLog } from "../record/recorder.ts";
import { NotThere } from "../release/fetch.ts";
import { steadyClock } from "../site/clock.ts";
import { runningDeploy } from "../site/documents/deploy-state.ts";
import { messageOf } from "../site/errors.ts";
import { patientClock } from "../system/processor.ts";
import type { Member } from "../system/rounds.ts";
import type { Outcome } from "./after-boot.ts";
import { pauseAfter } from "./pauses.ts";
import { untilNeeded } from "./spare.ts";

/** What a successful boot leaves behind. */
export interface Booted extends Outcome {
  /** From 1. */
  attempt: number;
}

/** What a boot does at each try; see bootSteps. */
export interface BootSteps {
  all: readonly Step<unknown>[];
  /** The steps that bring up nginx without an app. */
  serving: readonly Step<unknown>[];
  /** The outcome of a successful run of `all`. */
  outcome(values: Values): Outcome;
}

type BootMachine = Pick<
  Machine,
  "alerts" | "candidates" | "clock" | "identity" | "notify" | "peers" | "processor" | "rounds" | "store"
>;

/**
 * Boots until it works. A failed try leaves nginx with a 503 page where possible, and blames the release only for what
 * is the release's fault; the next try may take an older one.
 * @throws only the signal's reason.
 */
export async function boot(
  machine: BootMachine,
  stepsOf: () => BootSteps,
  recorder: BootLog,
  log: Logger,
  signal: AbortSignal,
): Promise<Booted> {
  const member = machine.rounds.join("boot");
  try {
    return await tryUntilBooted(machine, stepsOf, recorder, log, signal, member);
  } finally {
    member.leave();
  }
}

async function tryUntilBooted(
  machine: BootMachine,
  stepsOf: () => BootSteps,
  recorder: BootLog,
  log: Logger,
  signal: AbortSignal,
  member: Member,
): Promise<Booted> {
  // As long as a step is within its time, and while it is waited for better times, the boot goes on as it should.
  const steady = patientClock(member.on(steadyClock), machine.processor);
  const clock = member.on(machine.clock);
  for (let attempt = 1; ; attempt++) {
    recorder.attempt(attempt);
    const steps = stepsOf();
    try {
      const values = await runGraph(steps.all, logged(recorder, log, "boot"), signal, steady);
      const booted = steps.outcome(values);
      recorder.change({ state: booted.epoch === undefined ? "standby" : "serving" });
      log.info({ release: booted.release, epoch: booted.epoch, attempt }, "booted");
      return { ...booted, attempt };
    } catch (error) {
      signal.throwIfAborted();
      recorder.change({ state: "failed" });
      const reason = error instanceof StepFailed ? error.blame : undefined;
      if (reason !== undefined) recorder.change({ blame: reason });
      void tell(machine, bootFailed(machine, error));
      await ended(machine, error).catch((cause: unknown) =>
        log.warn({ err: cause }, "channel.json could not be updated"),
      );
      await runGraph(steps.serving, silent, signal, steady).catch((cause: unknown) =>
        log.warn(`no 503 page: ${messageOf(cause)}`),
      );
      if (reason !== undefined) await untilNeeded({ ...machine, clock }, log, signal);
      const pause = pauseAfter(attempt);
      log.error({ attempt, pause }, `boot failed, next try in ${pause} s`);
      // A change of channel.json ends a pause.
      await machine.candidates.news(pause, signal, clock);
    }
  }
}

/** A deploy ends with this machine, and whoever began it hears of it there: nothing of it lasts. */
async function tell({ alerts, clock, notify, store }: BootMachine, text: string): Promise<void> {
  const deploy = await runningDeploy(store, clock).catch(() => undefined);
  if (deploy === undefined) await alerts.raise({ kind: "boot-failed" }, text);
  else await notify({ kind: "boot-failed", text });
}

function ended({ candidates }: BootMachine, error: unknown): Promise<void> {
  if (!(error instanceof StepFailed)) return candidates.failed(undefined);
  if (error.cause instanceof NotThere) return candidates.missing(error.message);
  return candidates.failed(error.blame, error.lines);
}

function bootFailed({ identity }: BootMachine, error: unknown): string {
  const where = error instanceof StepFailed ? `${error.step}: ` : "";
  return `a boot of ${identity.instance} failed: ${where}${messageOf(error)}`;
}

const silent: StepObserver = {
  started: () => {},
  detail: () => {},
  warned: () => {},
  done: () => {},
  failed: () => {},
  stopped: () => {},
};
