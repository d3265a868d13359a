/**
 * A command that the operator has run on the instance that owns the site (`everspot run`). Two documents, each with one
 * side that writes it, so that neither role could speak for the other:
 *
 * - `runs/asked/<id>.json`, and what it reads from stdin in `runs/asked/<id>/<n>`: by the operator;
 * - `runs/told/<id>.json`, and what it writes in `runs/told/<id>/<n>` (output.ts): by the instance that took it up. Who
 *   creates it has the command, and no one else ever runs it.
 *
 * The bell names the id (bell.ts). Times are those of the bucket, ISO 8601.
 */
import * as z from "zod/mini";
import type { DocumentType } from "../document.ts";
import { keys } from "../names.ts";

const time = z.iso.datetime();
const count = z.int().check(z.nonnegative());

export const runRequest = z.strictObject({
  /** 2 for the kind `job`. */
  version: z.union([z.literal(1), z.literal(2)]),
  nonce: z.string(),
  by: z.string(),
  asked: time,
  /** It is not taken up after that. */
  expires: time,
  /**
   * `program`: as it is. `manage`: arguments of the project's manage.py, or of `django-admin` where there is none. `job`:
   * the name of one of `[schedule.NAME]`, whose command the instance knows.
   * `notify`: no command; the instance sends a notice to try, and writes as JSON how it got there (agent/notify/notify.ts).
   */
  kind: z.enum(["program", "manage", "job", "notify"]),
  words: z.array(z.string()).check(z.minLength(1)),
  /** Seconds it may run. */
  timeout: z.int().check(z.positive()),
  /** MB it may use; undefined: see user-data/units. */
  memory: z.optional(z.int().check(z.positive())),
  /** Variables of its environment besides those of the app. */
  environment: z.record(z.string(), z.string()),
  /** Whether more are in the Parameter Store (names.ts, `runSecretPath`). */
  secrets: z.boolean(),
  stdin: z.strictObject({ parts: count, ended: z.boolean() }),
  cancelled: z.boolean(),
});
export type RunRequest = z.infer<typeof runRequest>;
export const requestDocument = (id: string): DocumentType<RunRequest> => ({
  key: keys.runAsked(id),
  schema: runRequest,
});

/** How it ended, and the exit code that stands for it. */
export const RUN_ENDS = {
  /** By itself, with an exit code of its own. */
  ended: undefined,
  /** It was never started. */
  refused: 69,
  cancelled: 130,
  timeout: 124,
  /** It needed more memory than it was given. */
  memory: 137,
  /** The instance went, or the site from it: how far the command came is not known, and it is not run again. */
  interrupted: 75,
} as const;

export const runState = z.strictObject({
  version: z.literal(1),
  nonce: z.string(),
  instance: z.string(),
  epoch: count,
  release: z.string(),
  /** Renewed while it runs: RUN_BEAT_SECONDS. */
  beat: time,
  /** Parts of stdin that the command has been given. */
  taken: count,
  end: z.optional(
    z.strictObject({
      how: z.enum(Object.keys(RUN_ENDS) as [keyof typeof RUN_ENDS]),
      exitCode: z.int().check(z.minimum(0), z.maximum(255)),
      /** Parts of its output altogether. */
      parts: count,
      seconds: z.number(),
      /** For a person, where `how` does not say it all. */
      reason: z.optional(z.string()),
    }),
  ),
});
export type RunState = z.infer<typeof runState>;
export type RunEnd = NonNullable<RunState["end"]>;
export const stateDocument = (id: string): DocumentType<RunState> => ({
  key: keys.runTold(id),
  schema: runState,
});

/** Seconds in which it must be taken up. */
export const RUN_EXPIRES_SECONDS = 60;
/** Between two signs of life of an instance that runs a command. */
export const RUN_BEAT_SECONDS = 10;
/** Parts of stdin that may lie in the bucket unread. */
export const STDIN_AHEAD = 8;
/** Bytes of a part, at most. */
export const PART_BYTES = 512 * 1024;
