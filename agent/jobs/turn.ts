/** What is to be done about a job now, and what is written of it: read off its document alone. Pure. */
import type { Calendar } from "../site/jobs/calendar.ts";
import { timesAfter } from "../site/jobs/calendar.ts";
import type { EndedJob, JobState, MissedJob, RunningJob } from "../site/jobs/documents.ts";

export const MOST_HISTORY = 20;
/** Seconds after its time in which a job is not late yet: an instance was slow, or took the site over meanwhile. */
export const LATE_SECONDS = 60;
/** Seconds before the second try, doubled for each further one. */
export const AGAIN_SECONDS = 30;
/** Seconds that are looked back at most: what was missed before is said of the first time after that. */
const MOST_BACK = 35 * 86_400;

export interface Rules {
  at: string;
  zone: string;
  calendar: Calendar;
  missed: "once" | "skip";
  retry: number;
}

type Next = Omit<JobState, "nonce">;

/** Milliseconds since the epoch. */
const ms = (time: string): number => Date.parse(time);
const iso = (at: number): string => new Date(at).toISOString();

/**
 * Of whoever has the site from now on. Undefined: nothing is to be written.
 * @param over whether what is said to run does not any more.
 */
export function adopt(
  current: JobState | undefined,
  rules: Rules,
  epoch: number,
  now: number,
  over: (running: RunningJob) => boolean,
): Next | undefined {
  const { at, zone } = rules;
  if (current === undefined) return { version: 1, epoch, at, zone, settled: iso(now), history: [] };
  if (current.epoch > epoch) return undefined;
  const { running } = current;
  const ends = running !== undefined && over(running);
  const same = current.at === at && current.zone === zone;
  if (current.epoch === epoch && same && !ends) return undefined;
  const mine = { ...current, epoch, at, zone, settled: same ? current.settled : iso(now) };
  if (running === undefined || !ends) return mine;
  return closed(
    mine,
    running,
    interrupted(running, now, "its instance is gone, or the instance's agent ended"),
    rules,
    now,
  );
}

const interrupted = (
  running: RunningJob,
  now: number,
  reason: string,
): Pick<EndedJob, "how" | "seconds" | "reason"> => ({
  ...{ how: "interrupted", reason },
  seconds: Math.max(0, Math.round((Math.min(now, ms(running.until)) - ms(running.began)) / 1000)),
});

/** What to do about a job now: what to write, and what to do then. */
export type Turn =
  /** There is nothing to be done before that; milliseconds since the epoch, undefined: never. */
  | { do: "wait"; until: number | undefined }
  /** What an earlier owner began may go on still. */
  | { do: "look"; running: RunningJob }
  /** Times are passed over. */
  | { do: "miss"; next: Next; missed: MissedJob }
  | { do: "begin"; next: Next; running: RunningJob; missed: MissedJob | undefined };

/** @param me as whom it would begin. @param limit seconds that it takes at most, all tries together. */
export function turnOf(
  current: JobState,
  rules: Rules,
  me: Pick<RunningJob, "id" | "instance" | "epoch" | "release">,
  now: number,
  limit: number,
): Turn {
  const { running, again } = current;
  if (running !== undefined && running.epoch !== me.epoch) return { do: "look", running };
  const { due, next } = dueTimes(rules, ms(current.settled), now);
  const miss = (times: Due, reason: string): Turn => {
    const missed = missedOf(times, reason);
    return {
      do: "miss",
      missed,
      next: { ...current, settled: missed.until, history: kept(current, missed) },
    };
  };
  if (running !== undefined) return due === undefined ? { do: "wait", until: next } : miss(due, GOES_ON);
  const begin = (time: string, attempt: number, settled: string, missed: MissedJob | undefined): Turn => {
    const { again: _, ...rest } = current;
    const begun: RunningJob = {
      ...{ ...me, due: time, attempt, began: iso(now), until: iso(now + limit * 1000) },
    };
    const history = missed === undefined ? current.history : kept(current, missed);
    return { do: "begin", running: begun, missed, next: { ...rest, settled, history, running: begun } };
  };
  if (due === undefined) {
    if (again === undefined) return { do: "wait", until: next };
    const after = ms(again.after);
    if (after <= now) return begin(again.due, again.attempt, current.settled, undefined);
    return { do: "wait", until: next === undefined ? after : Math.min(after, next) };
  }
  const { first, previous, last, count } = due;
  if (rules.missed === "skip" && now - last > LATE_SECONDS * 1000) return miss(due, NOBODY);
  const before = previous === undefined ? undefined : { first, last: previous, count: count - 1 };
  return begin(iso(last), 1, iso(last), before && missedOf(before, NOBODY));
}

const NOBODY = "no instance had the site";
const GOES_ON = "the previous run was still going on";

/** The document once a run has ended; undefined: it says so already, or of another run. */
export function end(
  current: JobState | undefined,
  id: string,
  how: Pick<EndedJob, "how" | "exitCode" | "seconds" | "reason">,
  rules: Rules,
  now: number,
): Next | undefined {
  const running = current?.running;
  if (current === undefined || running?.id !== id) return undefined;
  const done = closed(current, running, how, rules, now);
  // An owner that came meanwhile has its own view of what it missed.
  const { due } = running.epoch === current.epoch ? dueTimes(rules, ms(current.settled), now) : {};
  if (due === undefined) return done;
  const missed = missedOf(due, GOES_ON);
  return { ...done, settled: missed.until, history: kept(done, missed) };
}

function closed(
  current: JobState | Next,
  { until: _, ...run }: RunningJob,
  how: Pick<EndedJob, "how" | "exitCode" | "seconds" | "reason">,
  { retry }: Rules,
  now: number,
): Next {
  const { running: __, ...others } = current;
  const history = kept(current, { ...run, ...how });
  // What was asked for by hand is not tried again, and changes nothing of what is.
  if (run.due === undefined) return { ...others, history };
  const { again: ___, ...rest } = others;
  if (how.how === "done" || run.attempt > retry) return { ...rest, history };
  const pause = how.how === "interrupted" ? 0 : AGAIN_SECONDS * 2 ** (run.attempt - 1);
  const again = { due: run.due, attempt: run.attempt + 1, after: iso(now + pause * 1000) };
  return { ...rest, history, again };
}

const kept = ({ history }: Pick<JobState, "history">, one: EndedJob | MissedJob): JobState["history"] =>
  [...history, one].slice(-MOST_HISTORY);

const missedOf = ({ first, last, count }: Omit<Due, "previous">, reason: string): MissedJob => ({
  ...{ how: "missed", due: iso(first), until: iso(last), count, reason },
});

interface Due {
  first: number;
  /** The one before the last. */
  previous: number | undefined;
  last: number;
  count: number;
}

/** Those that have come since, and the next one. */
function dueTimes(
  { calendar, zone }: Rules,
  since: number,
  now: number,
): { due: Due | undefined; next: number | undefined } {
  let due: Due | undefined;
  for (const at of timesAfter(calendar, zone, Math.max(since, now - MOST_BACK * 1000))) {
    if (at > now) return { due, next: at };
    due = { first: due?.first ?? at, previous: due?.last, last: at, count: (due?.count ?? 0) + 1 };
  }
  return { due, next: undefined };
}
