import { readDocument } from "../../agent/site/document.ts";
import { EverspotError, USAGE } from "../../agent/site/errors.ts";
import {
  type EndedJob,
  type JobState,
  jobDocument,
  type MissedJob,
} from "../../agent/site/jobs/documents.ts";
import { connect } from "../aws/connect.ts";
import { closest } from "../config/closest.ts";
import type { SiteConfig } from "../config/site-config.ts";
import { age, type Style, took } from "../operator/terminal.ts";
import type { Tools } from "../operator/tools.ts";
import { dueJobs, inZone } from "../plan/jobs.ts";
import { runRun } from "./run.ts";

/** A job as everspot.toml and the bucket have it. Times ISO 8601. */
export interface JobRow {
  job: string;
  at: string;
  zone: string;
  next: string | undefined;
  running: JobState["running"];
  /** When it is tried again. */
  again: string | undefined;
  last: EndedJob | MissedJob | undefined;
  /** Newest first. */
  history: JobState["history"];
}

/** `everspot jobs`: what became of the jobs of `[schedule.NAME]`, and when they are due next. Changes nothing. */
export async function runJobs(config: SiteConfig, { terminal, clock }: Tools): Promise<void> {
  const aws = await connect(config, clock);
  try {
    const due = dueJobs(config, clock.now(), 1);
    const there = due.length > 0 && (await aws.bucket.look()) !== undefined;
    const rows = await Promise.all(
      due.map(async ({ job, at, zone, next: [next] }): Promise<JobRow> => {
        const { value } = there ? await readDocument(aws.store, jobDocument(job)) : { value: undefined };
        const history = [...(value?.history ?? [])].reverse();
        const { running } = value ?? {};
        return { job, at, zone, next, running, again: value?.again?.after, last: history[0], history };
      }),
    );
    terminal.json({ command: "jobs", site: config.site, jobs: rows });
    for (const line of renderJobs(rows, clock.now(), terminal.style)) terminal.print(line);
  } finally {
    aws.close();
  }
}

/** `everspot jobs run NAME`: once more, now, on the instance that has the site. @returns its exit code. */
export async function runJob(
  config: SiteConfig,
  tools: Tools,
  { name, json }: { name: string; json: boolean },
): Promise<number> {
  const names = Object.keys(config.schedule);
  const job = Object.hasOwn(config.schedule, name) ? config.schedule[name] : undefined;
  if (job === undefined) {
    const meant = closest(name, names);
    throw new EverspotError(`there is no [schedule.${name}] in everspot.toml`, {
      hint:
        meant !== undefined
          ? `did you mean "${meant}"?`
          : names.length === 0
            ? "no job is defined there; docs/configuration.md explains [schedule.NAME]"
            : `known are ${names.join(", ")}`,
      exitCode: USAGE,
    });
  }
  const { timeout, memory } = job;
  return runRun(config, tools, { command: "jobs run", words: [name], json, timeout, memory });
}

export function renderJobs(rows: readonly JobRow[], now: number, style: Style): string[] {
  if (rows.length === 0) return ["no job is defined: [schedule.NAME] in everspot.toml makes one"];
  const ago = (time: string) => `${age(now - Date.parse(time))} ago`;
  return rows.flatMap(({ job, at, zone, next, running, again, last }) => [
    `${style.bold(job)}  ${at}, ${zone}`,
    ...(running === undefined
      ? []
      : [`  now   runs for ${age(now - Date.parse(running.began))} on ${running.instance}`]),
    `  last  ${last === undefined ? "not yet" : lastOf(last, ago, style)}`,
    ...(last?.reason === undefined ? [] : [`        ${last.reason}`]),
    ...(again === undefined ? [] : [`  then  tried again at ${again}`]),
    next === undefined
      ? "  next  never again"
      : `  next  ${inZone(next, zone)}, in ${age(Date.parse(next) - now)}`,
  ]);
}

function lastOf(last: EndedJob | MissedJob, ago: (time: string) => string, style: Style): string {
  if (last.how === "missed") {
    const times = last.count === 1 ? "" : `${last.count} times, `;
    return style.yellow(`missed, ${times}${ago(last.until)}`);
  }
  const { how, began, seconds, exitCode, attempt } = last;
  const code = exitCode === undefined ? "" : `, exit code ${exitCode}`;
  const tries = attempt === 1 ? "" : `, try ${attempt}`;
  const text = `${how}, ${ago(began)}, took ${took(seconds)}${code}${tries}`;
  return how === "done" ? text : style.yellow(text);
}
