import { expect, test } from "vitest";
import { type JobRow, renderJobs } from "../../../provisioner/commands/jobs.ts";
import { parseConfig } from "../../../provisioner/config/load.ts";
import { styleFor } from "../../../provisioner/operator/terminal.ts";
import { describeDue, dueJobs, jobsLine } from "../../../provisioner/plan/jobs.ts";
import { MINIMAL } from "../site.ts";

const now = Date.parse("2026-11-26T09:00:00Z");
const configOf = (toml: string) => parseConfig(`${MINIMAL}${toml}`, "everspot.toml");
const job = (at: string, more = "") => `[schedule.nightly]\nrun = "tidy"\nat = "${at}"\n${more}\n`;

test("a job's next three times, in its own zone", () => {
  const due = dueJobs(configOf(job("Mon..Fri 03:15", 'zone = "Europe/Berlin"')), now, 3);
  expect(due[0]?.next[0]).toBe("2026-11-27T02:15:00.000Z");
  expect(describeDue(due)).toEqual([
    "job nightly is due next, Europe/Berlin:",
    ...["  Fri 2026-11-27 03:15", "  Mon 2026-11-30 03:15", "  Tue 2026-12-01 03:15"],
  ]);
  expect(describeDue(dueJobs(configOf(job("2020-02-02 10:00")), now, 3)).at(-1)).toBe("  never again");
});

test("what they cost: two writes a run, and a look each minute", () => {
  expect(jobsLine(configOf(""))).toBeUndefined();
  const minutely = jobsLine(configOf(job("minutely")));
  expect(minutely?.note).toBe("43800 runs a month, each with 2 writes to the bucket");
  expect(minutely?.high).toBeCloseTo(43_800 * 2 * 0.0000054 + 43_200 * 0.0000004, 4);
  const worker = jobsLine(configOf('[worker.queue]\nrun = "celery"\n'));
  expect(worker).toMatchObject({ what: "jobs and workers", note: expect.stringContaining("0 runs") });
  expect(jobsLine(configOf(job("yearly")))?.note).toContain("less than one run a month");
});

test.each([
  [job("25:00"), /everspot.toml:10 {2}schedule.nightly.at: the hour 25 is not from 0 to 23/],
  [
    job("daily", 'zone = "Berlin"'),
    /schedule.nightly.zone: "Berlin" is no time zone \(like "Europe\/Berlin"/,
  ],
  [job("daily", 'ping = "http://x"'), /schedule.nightly.ping: not an https:\/\/ URL/],
  [job("daily", "retries = 2"), /schedule.nightly.retries: unknown key \(known here: run, at, zone/],
  ['[schedule.nightly]\nat = "daily"\n', /schedule.nightly.run: is missing \(what is run: run = /],
  [
    '[schedule.Nightly]\nrun = "x"\nat = "daily"\n',
    /schedule.Nightly: must be at most 30 lower-case letters/,
  ],
  ['[worker.queue]\nrun = ""\n', /worker.queue.run: must be a command/],
  ['[worker.queue]\nrun = "x"\nstop = 90\n', /worker.queue.stop: must be at most 60/],
])("%s is refused, with what and where", (toml, why) => {
  let lines: readonly string[] = [];
  try {
    configOf(toml);
  } catch (error) {
    ({ lines } = error as { lines: string[] });
  }
  expect(lines.join("\n")).toMatch(why);
});

test("the list says what became of each, in lines that fit 60 columns", () => {
  const none = { running: undefined, again: undefined, last: undefined, history: [] };
  const run = {
    ...{ id: "a", due: "2026-11-26T02:15:00.000Z", attempt: 2, instance: "i-0123456789abcdef0", epoch: 7 },
    ...{ release: "r1", began: "2026-11-26T02:15:01.000Z" },
  };
  const rows: JobRow[] = [
    {
      ...{
        ...none,
        job: "nightly",
        at: "*-*-* 03:15",
        zone: "Europe/Berlin",
        next: "2026-11-27T02:15:00.000Z",
      },
      last: { ...run, how: "failed", exitCode: 3, seconds: 12.3 },
      again: "2026-11-26T09:01:00.000Z",
    },
    {
      ...{ ...none, job: "often", at: "minutely", zone: "UTC", next: undefined },
      running: { ...run, until: "2026-11-26T09:10:00.000Z", began: "2026-11-26T08:58:00.000Z" },
      last: {
        ...{ how: "missed", due: "2026-11-26T08:00:00.000Z", until: "2026-11-26T08:55:00.000Z", count: 56 },
        reason: "no instance had the site",
      },
    },
    { ...none, job: "new", at: "daily", zone: "UTC", next: "2026-11-27T00:00:00.000Z" },
  ];
  const lines = renderJobs(rows, now, styleFor({ write: () => {} }));
  expect(lines).toEqual([
    "nightly  *-*-* 03:15, Europe/Berlin",
    "  last  failed, 7 h ago, took 12.3 s, exit code 3, try 2",
    "  then  tried again at 2026-11-26T09:01:00.000Z",
    "  next  Fri 2026-11-27 03:15, in 17 h",
    "often  minutely, UTC",
    "  now   runs for 2 min on i-0123456789abcdef0",
    "  last  missed, 56 times, 5 min ago",
    "        no instance had the site",
    "  next  never again",
    "new  daily, UTC",
    ...["  last  not yet", "  next  Fri 2026-11-27 00:00, in 15 h"],
  ]);
  expect(Math.max(...lines.map((line) => line.length))).toBeLessThanOrEqual(60);
});
