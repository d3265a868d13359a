import { execFileSync, spawnSync } from "node:child_process";
import { describe, expect, test } from "vitest";
import { complainAboutAt, readAt } from "../../../../agent/site/jobs/at.ts";
import { nextTime, timesAfter, timesAYear } from "../../../../agent/site/jobs/calendar.ts";
import { isZone } from "../../../../agent/site/jobs/zone.ts";

/** Expressions as systemd has them, and what a crontab would have for the same. */
const EXPRESSIONS: readonly [systemd: string, cron?: string][] = [
  ["minutely", "* * * * *"],
  ["hourly", "@hourly"],
  ["daily", "@midnight"],
  ["weekly", "0 0 * * mon"],
  ["monthly", "@monthly"],
  ["quarterly", "0 0 1 1,4,7,10 *"],
  ["semiannually", "0 0 1 1,7 *"],
  ["yearly", "@yearly"],
  ["*-*-* *:0/10", "*/10 * * * *"],
  ["*-*-* *:5/20", "5/20 * * * *"],
  ["*-*-* *:0/12", "*/12 * * * *"],
  ["*:5..50/15", "5-50/15 * * * *"],
  ["*:0,30", "0,30 * * * *"],
  ["*-*-* *:59:30"],
  ["01:30", "30 1 * * *"],
  ["02:00", "0 2 * * *"],
  ["02:30", "30 2 * * *"],
  ["03:00", "0 3 * * *"],
  ["*-*-* 03:15:45"],
  ["23:59", "59 23 * * *"],
  ["00:00", "0 0 * * *"],
  ["*-*-* 1..3:0/15", "*/15 1-3 * * *"],
  ["0/2:15", "15 */2 * * *"],
  ["0/6:00", "0 */6 * * *"],
  ["Mon..Fri 08:00", "0 8 * * mon-fri"],
  ["Mon..Fri 02:30", "30 2 * * 1-5"],
  ["Sat,Sun 02:30", "30 2 * * 6,7"],
  ["Sun 02:00", "0 2 * * 0"],
  ["Sun *-*-* 01:59:59"],
  ["sunday 23:00", "0 23 * * SUN"],
  ["Mon,Wed..Fri 10:00", "0 10 * * mon,wed-fri"],
  ["Tue *-*-1..7 09:00"],
  ["Sun *-*~07/1 02:30"],
  ["Fri *-*~07/1 18:00"],
  ["*-*~01 23:00"],
  ["*-*~03..05 12:00"],
  ["*-02~01 06:00"],
  ["*-02-29 06:00"],
  ["2028-02-29 12:34:56"],
  ["*-*-31 07:00", "0 7 31 * *"],
  ["*-*-30 02:15", "15 2 30 * *"],
  ["*-*-1,15 04:00", "0 4 1,15 * *"],
  ["*-*-01/10 05:00"],
  ["*-*-5..25/5 05:30", "30 5 5-25/5 * *"],
  ["*-3..5-* 02:30", "30 2 * 3-5 *"],
  ["*-10,11-* 01:15", "15 1 * oct,nov *"],
  ["2026..2027-*-* 02:45"],
  ["2026/2-1-1 00:00"],
  ["12-24 18:00", "0 18 24 12 *"],
  ["Mon *-1/3-1 00:00"],
];

/** Right before clocks change, and at other times, each long enough for what is due often. UTC. */
const MOMENTS: readonly [zone: string, ...bases: string[]][] = [
  ["UTC", "2026-11-26 09:24:20", "2028-02-27 22:59:59"],
  ["America/New_York", "2026-03-08 05:40:00", "2026-11-01 03:40:00"],
  ["Europe/Berlin", "2026-03-28 22:40:00", "2026-10-24 22:40:00"],
  // By half an hour, in the other half of the year.
  ["Australia/Lord_Howe", "2026-10-03 13:40:00", "2026-04-04 12:40:00"],
  ["Asia/Kathmandu", "2026-12-31 17:00:00"],
];
const COUNT = 25;

const hasSystemd = spawnSync("systemd-analyze", ["--version"]).status === 0;

/**
 * The zone is that of its clock: for one in the expression it would fork a process for each of the times.
 * @returns the next times of each expression, as systemd has them.
 */
function bySystemd(expressions: readonly string[], zone: string, base: string): string[][] {
  const args = ["calendar", `--base-time=${base} UTC`, `--iterations=${COUNT}`];
  const said = execFileSync("systemd-analyze", [...args, ...expressions], {
    env: { ...process.env, TZ: zone, LC_ALL: "C" },
    encoding: "utf8",
  });
  return said
    .split("Normalized form:")
    .slice(1)
    .map((one) =>
      [...one.matchAll(/\w{3} (\d{4}-\d\d-\d\d) (\d\d:\d\d:\d\d) UTC$/gm)].map((m) => `${m[1]} ${m[2]}`),
    );
}

const ours = (at: string, zone: string, base: string): string[] => {
  const found: string[] = [];
  for (const time of timesAfter(readAt(at), zone, Date.parse(`${base.replace(" ", "T")}Z`))) {
    found.push(new Date(time).toISOString().slice(0, 19).replace("T", " "));
    if (found.length === COUNT) break;
  }
  return found;
};

describe.skipIf(!hasSystemd)(`systemd has the same ${COUNT} times`, () => {
  const all = MOMENTS.flatMap(([zone, ...bases]) => bases.map((base) => [zone, base] as const));
  test.each(all)("in %s from %s", (zone, base) => {
    const theirs = bySystemd(
      EXPRESSIONS.map(([one]) => one),
      zone,
      base,
    );
    expect(theirs).toHaveLength(EXPRESSIONS.length);
    const found = EXPRESSIONS.map(([systemd, cron]) => [
      ours(systemd, zone, base),
      cron && ours(cron, zone, base),
    ]);
    // Of a crontab's line where there is one.
    expect(found).toEqual(theirs.map((times, i) => [times, EXPRESSIONS[i]?.[1] && times]));
  });
});

test("a crontab's day and day of the week: one of them is enough, unless one begins with a star", () => {
  const days = (at: string) => ours(at, "UTC", "2026-11-26 00:00:00").slice(0, 4);
  expect(days("0 6 13 * 5")).toEqual([
    ...["2026-11-27 06:00:00", "2026-12-04 06:00:00"],
    ...["2026-12-11 06:00:00", "2026-12-13 06:00:00"],
  ]);
  expect(days("0 6 */2 * 5").slice(0, 2)).toEqual(["2026-11-27 06:00:00", "2026-12-11 06:00:00"]);
});

test("a step that does not divide the hour begins again with each hour", () => {
  // systemd 252 passes over the first of the hour: it adds the step and takes what comes out for the next hour's.
  for (const at of ["*:0/25", "*/25 * * * *"]) {
    expect(ours(at, "UTC", "2026-11-26 09:40:00").slice(0, 3)).toEqual([
      ...["2026-11-26 09:50:00", "2026-11-26 10:00:00", "2026-11-26 10:25:00"],
    ]);
  }
});

test("a time that comes twice counts the first time, also for whoever looks in the second", () => {
  const between = Date.parse("2026-11-01T06:10:00Z");
  expect(nextTime(readAt("*:0/30"), "America/New_York", between)).toBe(Date.parse("2026-11-01T07:00:00Z"));
});

test.each([
  ["", /no date/],
  ["soon", /no day of the week/],
  ["10", /no date/],
  ["24:00", /the hour 24 is not from 0 to 23/],
  ["*:60", /the minute 60 is not from 0 to 59/],
  ["*-13-1", /the month 13/],
  ["*-*-5..2", /goes backwards/],
  ["Sat..Mon", /goes backwards/],
  ["*-02-30", /no day of any year/],
  ["*:*:0/30", /once a minute/],
  ["10:00 Europe/Berlin", /write zone = "Europe\/Berlin"/],
  ["10:0/100", /never repeated/],
  ["*,5:00", /cannot be read/],
  ["@reboot", /known are @hourly/],
  ["60 * * * *", /the minute "60" is not from 0 to 59/],
  ["0 0 * * 8", /the day of the week "8"/],
  ["0 0 0 * * ?", /six|has 6 fields/],
  ["*/0 * * * *", /cannot be read/],
  ["5-1 * * * *", /goes backwards/],
  ["0 0 30 2 *", /no day of any year/],
])("%j is refused", (at, why) => {
  const { message = "", hint = "" } = complainAboutAt(at) ?? {};
  expect(`${message} (${hint})`).toMatch(why);
});

test("how often in a year", () => {
  expect(timesAYear(readAt("*:0/10"))).toBe(365 * 144);
  expect(timesAYear(readAt("Mon *-*-* 03:00"))).toBe(52);
  expect(timesAYear(readAt("2031-05-05 12:00"))).toBe(1);
});

test("names of zones", () => {
  expect(["Europe/Berlin", "UTC", "America/New_York"].every(isZone)).toBe(true);
  expect(["+02:00", "Europe/Bremen", "", "local"].some(isZone)).toBe(false);
});
