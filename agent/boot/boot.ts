import type { Logger } from "pino";
import { EverspotError, messageOf } from "../site/errors.ts";
import { afterwards } from "./afterwards.ts";
import { runGraph, StepFailed, type StepObserver } from "./graph.ts";
import type { BootMachine } from "./machine.ts";
import type { BootRecorder } from "./recorder.ts";
import { bootSteps } from "./steps.ts";

/** Seconds before the second, third … try; the last one stays. */
const PAUSES = [2, 5, 10, 20, 30, 60] as const;

/** What a boot that went well leaves behind. */
export interface Booted {
  instance: string;
  release: string;
  /** Undefined: another instance has the site, and rightly. */
  epoch: number | undefined;
  /** Work that need not hold up the site; never rejects. */
  afterwards: Promise<void>;
}

/**
 * Boots until it works. A try that failed leaves nginx with a 503 page where possible, and blames the release
 * only for what is the release's; the next try may take an older one.
 * @throws the signal's reason, nothing else.
 */
export async function boot(
  machine: BootMachine,
  recorder: BootRecorder,
  log: Logger,
  signal: AbortSignal,
): Promise<Booted> {
  for (let attempt = 1; ; attempt++) {
    recorder.attempt(attempt);
    const steps = bootSteps(machine, recorder);
    try {
      const values = await runGraph(steps.all, logged(recorder, log), signal);
      const booted = steps.outcome(values);
      recorder.change({ state: booted.epoch === undefined ? "standby" : "serving" });
      log.info({ release: booted.release, epoch: booted.epoch, attempt }, "booted");
      return { ...booted, afterwards: afterwards(machine, booted, log, signal) };
    } catch (error) {
      signal.throwIfAborted();
      recorder.change({ state: "failed" });
      await machine.candidates
        .failed(blame(error))
        .catch((cause: unknown) => log.warn({ err: cause }, "channel.json could not be updated"));
      await runGraph(steps.serving, silent, signal).catch((cause: unknown) =>
        log.warn(`no 503 page: ${messageOf(cause)}`),
      );
      const pause = PAUSES[Math.min(attempt, PAUSES.length) - 1] ?? 60;
      log.error({ attempt, pause }, `boot failed, next try in ${pause} s`);
      await machine.clock.sleep(pause * 1000, signal);
    }
  }
}

/** Steps that run the release's own code. */
const OWN_CODE = new Set(["prepare", "app", "healthy"]);

/** Why the release is bad; undefined when it is not to blame. */
function blame(error: unknown): string | undefined {
  if (!(error instanceof StepFailed)) return undefined;
  const unusable = error.step === "release" && error.retry === "fatal";
  return OWN_CODE.has(error.step) || unusable ? `${error.step}: ${error.message}` : undefined;
}

function logged(recorder: BootRecorder, log: Logger): StepObserver {
  return {
    started: (name, needs) => recorder.started(name, needs),
    detail: (name, text) => recorder.detail(name, text),
    warned: (name, text) => {
      recorder.warned(name, text);
      log.warn({ step: name }, text);
    },
    done: (name) => {
      recorder.done(name);
      log.info({ step: name }, recorder.describe(name));
    },
    failed: (name, error) => {
      recorder.failed(name, error);
      const { hint, resource, lines } = error instanceof EverspotError ? error : {};
      log.error({ step: name, hint, resource, lines }, messageOf(error));
      if (!(error instanceof EverspotError)) log.error({ err: error }, "unexpected");
    },
  };
}

const silent: StepObserver = {
  started: () => {},
  detail: () => {},
  warned: () => {},
  done: () => {},
  failed: () => {},
};
