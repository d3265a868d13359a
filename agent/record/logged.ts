import type { Logger } from "pino";
import { type Phase, stepLabel } from "../site/boot-record.ts";
import { EverspotError, messageOf } from "../site/errors.ts";
import type { StepObserver } from "./graph.ts";
import type { BootLog } from "./recorder.ts";

/** Steps of a phase go to the boot record and to the journal. */
export function logged(
  recorder: Pick<BootLog, "observe" | "describe">,
  log: Logger,
  phase: Phase,
): StepObserver {
  const record = recorder.observe(phase);
  const label = (name: string) => stepLabel({ phase, name });
  return {
    started: (step) => record.started(step),
    detail: (name, text) => record.detail(name, text),
    warned: (name, text) => {
      record.warned(name, text);
      log.warn({ step: label(name) }, text);
    },
    done: (name) => {
      record.done(name);
      log.info({ step: label(name) }, recorder.describe(phase, name));
    },
    failed: (name, error) => {
      record.failed(name, error);
      const { hint, resource, lines } = error instanceof EverspotError ? error : {};
      log.error({ step: label(name), hint, resource, lines }, messageOf(error));
      if (!(error instanceof EverspotError)) log.error({ err: error }, "unexpected");
    },
    stopped: (name) => {
      record.stopped(name);
      log.info({ step: label(name) }, "stopped");
    },
  };
}
