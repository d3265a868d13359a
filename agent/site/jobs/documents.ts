/**
 * `jobs/<name>.json`: what became of a job of `[schedule.NAME]`, and whether it runs. Written by the instance that has the
 * site, only by compare-and-swap: before each run, and after it. Whoever takes the site over writes its epoch here before
 * anything else, so that an earlier owner which has not heard of it begins nothing any more. Times are ISO 8601.
 */
import * as z from "zod/mini";
import type { DocumentType } from "../document.ts";
import { keys } from "../names.ts";

const time = z.iso.datetime();
const count = z.int().check(z.nonnegative());

/** How a run ended. */
export const JOB_ENDS = ["done", "failed", "timeout", "memory", "interrupted"] as const;
export type JobEndKind = (typeof JOB_ENDS)[number];

/** One run. */
const run = {
  id: z.string(),
  /** Undefined: `everspot jobs run` asked for it. */
  due: z.optional(time),
  /** Who asked for it. */
  by: z.optional(z.string()),
  /** Which try it is, from 1 on. */
  attempt: z.int().check(z.positive()),
  instance: z.string(),
  epoch: count,
  release: z.string(),
  began: time,
};

const running = z.strictObject({
  ...run,
  /** It is over by then, whatever became of who began it. */
  until: time,
});
export type RunningJob = z.infer<typeof running>;

const ended = z.strictObject({
  ...run,
  how: z.enum(JOB_ENDS),
  exitCode: z.optional(z.int().check(z.minimum(0), z.maximum(255))),
  seconds: z.number().check(z.nonnegative()),
  /** For a person, where `how` does not say it all. */
  reason: z.optional(z.string()),
});
export type EndedJob = z.infer<typeof ended>;

/** Times at which it was due and not begun. */
const missed = z.strictObject({
  how: z.literal("missed"),
  /** The first and the last of them, and how many there are. */
  due: time,
  until: time,
  count: z.int().check(z.positive()),
  reason: z.string(),
});
export type MissedJob = z.infer<typeof missed>;

export const jobState = z.strictObject({
  version: z.literal(1),
  nonce: z.string(),
  /** The owner's. */
  epoch: count,
  /** What `settled` is about: with other ones, times before now count no more. */
  at: z.string(),
  zone: z.string(),
  /** Every time up to this one was begun, or is missed. */
  settled: time,
  running: z.optional(running),
  /** What is to be tried again, not before `after`. */
  again: z.optional(z.strictObject({ due: time, attempt: z.int().check(z.positive()), after: time })),
  /** What became of it, oldest first; the newest 20. */
  history: z.array(z.discriminatedUnion("how", [ended, missed])),
});
export type JobState = z.infer<typeof jobState>;

export const jobDocument = (name: string): DocumentType<JobState> => ({
  key: keys.job(name),
  schema: jobState,
});
