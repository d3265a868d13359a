import { pino } from "pino";
import { bootSteps } from "../../../agent/boot/steps.ts";
import { runGraph, type StepFailed } from "../../../agent/record/graph.ts";
import { logged } from "../../../agent/record/logged.ts";
import type { Clock } from "../../../agent/site/clock.ts";
import type { BootConfig } from "../../../user-data/boot-config.ts";
import type { TestInstance } from "../machine/instance.ts";

const log = pino({ level: "silent" });

/** One run of all steps, by an agent that was started just now. */
export async function runSteps(on: TestInstance, clock: Clock, me: string, config: BootConfig) {
  const { machine, recorder } = on.agent(clock, me, config);
  const steps = bootSteps(machine, recorder);
  const ended = await runGraph(steps.all, logged(recorder, log, "boot"), new AbortController().signal).then(
    (values) => ({ outcome: steps.outcome(values), failure: undefined }),
    (failure: StepFailed) => ({ outcome: undefined, failure }),
  );
  const record = recorder.value;
  recorder.close();
  const step = (name: string) => record?.steps.find((one) => one.name === name);
  return { ...ended, record, step, machine, recorder, steps };
}
