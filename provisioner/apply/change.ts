import type { ObjectStore } from "../../agent/site/store.ts";
import type { Aws } from "../aws/connect.ts";
import { ReplyLost } from "../aws/errors.ts";
import type { Tools } from "../operator/tools.ts";
import { describeUp, type UpAction } from "../plan/actions.ts";
import type { Change } from "../plan/plan.ts";
import { type Applied, runActions } from "./run.ts";
import { TakeBack } from "./take-back.ts";
import { upExecutor } from "./up.ts";

/** Seconds for which an action is tried again while AWS has not finished another change. */
const PATIENCE = 60;
/** How often the rest may be planned again after a call that got no answer. */
const ROUNDS = 8;
/** Seconds until EC2 shows what such a call made. */
const LOST_PAUSE = 3;

type Publish = (store: ObjectStore, template: number | undefined) => Promise<string>;

/** Does what a plan says. @param publishFirstRelease for a plan that publishes one; returns one line about it. */
export async function applyChange(
  change: Change,
  aws: Aws,
  { terminal, clock }: Pick<Tools, "terminal" | "clock">,
  publishFirstRelease: Publish = async () => {
    throw new Error("a deploy publishes its own release");
  },
): Promise<Applied[]> {
  const takeBack = new TakeBack(aws);
  const execute = upExecutor(aws, change, {
    ...{ clock, takeBack },
    publishFirstRelease: (template) => publishFirstRelease(aws.store, template),
  });
  let current: UpAction | undefined;
  try {
    return await runActions(change.actions, {
      ...{ describe: describeUp, progress: terminal, patience: PATIENCE, clock },
      execute: (action) => {
        current = action;
        return execute(action);
      },
    });
  } catch (error) {
    throw current === undefined ? error : await takeBack.after(current, error);
  }
}

/**
 * The same, even when a call that cannot be repeated gets no answer: `planAgain` then looks again and plans the rest.
 * @returns what the last plan did.
 */
export async function applyToTheEnd(
  first: Change,
  aws: Aws,
  tools: Pick<Tools, "terminal" | "clock">,
  how: { publishFirstRelease: Publish; planAgain: () => Promise<Change> },
): Promise<Applied[]> {
  let change = first;
  for (let round = 1; ; round++) {
    try {
      return await applyChange(change, aws, tools, how.publishFirstRelease);
    } catch (error) {
      if (!(error instanceof ReplyLost) || round === ROUNDS) throw error;
      tools.terminal.warn(`${error.message}; checking`);
      await tools.clock.sleep(LOST_PAUSE * 1000);
      change = await how.planAgain();
    }
  }
}
