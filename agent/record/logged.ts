import type { Logger } from "pino";
import { EverspotError, messageOf } from "../site/errors.ts";
import type { StepObserver } from "./graph.ts";
import type { BootRecorder } from "./recorder.ts";

/** Steps go to the boot record and to the journal. */
export function logged(recorder: BootRecorder, log: Logger): StepObserver {
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
