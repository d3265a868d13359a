import { type Clock, systemClock } from "../../agent/site/clock.ts";
import { EverspotError } from "../../agent/site/errors.ts";
import { omitUndefined } from "../../agent/site/omit-undefined.ts";
import { isServerError, NotYet, ReplyLost } from "../aws/errors.ts";
import type { Progress } from "../operator/terminal.ts";

export interface Applied {
  what: string;
  /** The action's kind. */
  do: string;
  seconds: number;
  detail?: string;
}

/**
 * Executes actions one after the other; the first failure that `goesOn` does not allow ends the run and is thrown. An
 * action that meets something AWS has not finished (just made but unknown to another server, or just deleted but still
 * counted as used) is tried again for `patience` seconds.
 */
export async function runActions<Action extends { do: string }>(
  actions: readonly Action[],
  how: {
    describe: (action: Action) => string;
    execute: (action: Action) => Promise<string | undefined>;
    progress: Progress;
    patience: number;
    /** Whether the rest is done in spite of this failure. */
    goesOn?: (error: unknown) => boolean;
    clock?: Clock;
    signal?: AbortSignal | undefined;
  },
): Promise<Applied[]> {
  const clock = how.clock ?? systemClock;
  const applied: Applied[] = [];
  for (const action of actions) {
    how.signal?.throwIfAborted();
    const what = how.describe(action);
    const began = clock.now();
    const seconds = () => (clock.now() - began) / 1000;
    how.progress.begin(what);
    try {
      const detail = await patiently(() => how.execute(action), began + how.patience * 1000, clock);
      how.progress.done(what, seconds(), detail);
      applied.push({ what, do: action.do, seconds: seconds(), ...omitUndefined({ detail }) });
    } catch (error) {
      how.progress.failed(what, seconds());
      if (how.goesOn?.(error) !== true) throw error;
    }
  }
  return applied;
}

const PAUSE_MS = 1_000;

async function patiently<T>(run: () => Promise<T>, deadline: number, clock: Clock): Promise<T> {
  for (;;) {
    try {
      return await run();
    } catch (error) {
      if (error instanceof ReplyLost || !unsettled(error) || clock.now() + PAUSE_MS > deadline) throw error;
      await clock.sleep(PAUSE_MS);
    }
  }
}

/**
 * Codes by which EC2, IAM and S3 say that an earlier change has not yet reached every server: a version of a template
 * (InvalidLaunchTemplateId.VersionNotFound) or an image (InvalidAMIID.Unavailable) too.
 */
const UNSETTLED =
  /\.(Version)?NotFound$|\.Unavailable$|^NoSuchEntity|^NoSuchBucket$|^DependencyViolation$|^DeleteConflict|^OperationAborted|^BucketNotEmpty$|^IncorrectState$|^ResourceInUse|ConcurrentModification|^IncorrectInstanceState$|^InvalidSnapshot\.InUse$|^PriorRequestNotComplete$/;

const unsettled = (error: unknown): boolean =>
  error instanceof NotYet ||
  (error instanceof EverspotError && isServerError(error.cause)) ||
  (error instanceof EverspotError && error.cause instanceof Error && UNSETTLED.test(error.cause.name));
