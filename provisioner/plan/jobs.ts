/** When jobs are due next, and what that costs. Pure. */
import { readAt } from "../../agent/site/jobs/at.ts";
import { timesAfter, timesAYear } from "../../agent/site/jobs/calendar.ts";
import { localTime } from "../../agent/site/jobs/zone.ts";
import type { SiteConfig } from "../config/site-config.ts";
import type { BillLine } from "./bill.ts";
import prices from "./prices.json" with { type: "json" };

type Jobs = Pick<SiteConfig, "schedule" | "worker">;

/** The document before a run and after it; each time it is read first. */
const WRITES = 2;
/** Each minute the instance looks whether another one asks it to end them. */
const LOOKS_PER_MONTH = 30 * 1440;

export interface DueJob {
  job: string;
  at: string;
  zone: string;
  /** ISO 8601. */
  next: string[];
}

/** @param now milliseconds since the epoch. */
export const dueJobs = ({ schedule }: Jobs, now: number, count: number): DueJob[] =>
  Object.entries(schedule).map(([job, { at, zone }]) => ({
    ...{ job, at, zone },
    next: [...first(timesAfter(readAt(at), zone, now), count)].map((time) => new Date(time).toISOString()),
  }));

/** As a clock in that zone shows it: "Fri 2026-11-27 03:15". */
export function inZone(time: string, zone: string): string {
  const local = new Date(localTime(zone, Date.parse(time)));
  const text = local.toISOString();
  const seconds = text.slice(16, 19) === ":00" ? "" : text.slice(16, 19);
  return `${WEEKDAYS[local.getUTCDay()]} ${text.slice(0, 10)} ${text.slice(11, 16)}${seconds}`;
}

const WEEKDAYS = ["Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"];

export const describeDue = (jobs: readonly DueJob[]): string[] =>
  jobs.flatMap(({ job, zone, next }) => [
    `job ${job} is due next, ${zone}:`,
    ...(next.length === 0 ? ["  never again"] : next.map((time) => `  ${inZone(time, zone)}`)),
  ]);

/** Undefined where there are none. */
export function jobsLine(config: Jobs): BillLine | undefined {
  if (Object.keys({ ...config.schedule, ...config.worker }).length === 0) return undefined;
  const runs = Object.values(config.schedule).reduce((sum, { at }) => sum + timesAYear(readAt(at)) / 12, 0);
  const { getPerThousand, putPerThousand } = prices.s3;
  const each = (WRITES * (getPerThousand + putPerThousand)) / 1000;
  const amount = runs * each + (LOOKS_PER_MONTH * getPerThousand) / 1000;
  const count =
    runs < 1 && runs > 0
      ? "less than one run"
      : `${Math.round(runs)} run${Math.round(runs) === 1 ? "" : "s"}`;
  const note = `${count} a month, each with ${WRITES} writes to the bucket`;
  return { what: "jobs and workers", low: amount, high: amount, note };
}

function* first<T>(of: Iterable<T>, count: number): Generator<T> {
  let left = count;
  if (left === 0) return;
  for (const one of of) {
    yield one;
    if (--left === 0) return;
  }
}
