import { describe, expect, test } from "vitest";
import { adviceOn, failedCommands, lastWords, timesOf } from "../../../agent/serving/last-words.ts";

const traceback = (error: string, frames = 1) => [
  "Traceback (most recent call last):",
  ...Array.from({ length: frames }, (_, n) => [`  File "a.py", line ${n}, in f`, "    call()"]).flat(),
  error,
];
const LINK = ["", "During handling of the above exception, another exception occurred:", ""];
const OWN = traceback("RuntimeError: broken");
const GUNICORNS = traceback("gunicorn.errors.HaltServer: <HaltServer 'Worker failed to boot.' 3>", 20);

describe("an app's last words", () => {
  test("are its own, not gunicorn's about two workers that died at once", () => {
    expect(lastWords([...OWN, ...GUNICORNS])).toEqual(OWN);
    expect(lastWords([...OWN, ...GUNICORNS, "stopped"])).toEqual([...OWN, "stopped"]);
    expect(lastWords(OWN)).toEqual(OWN);
    expect(lastWords(["gunicorn.errors.HaltServer: alone"])).toHaveLength(1);
  });

  test("are 30 lines", () => {
    const many = Array.from({ length: 50 }, (_, n) => `line ${n}`);
    expect(lastWords(many)).toEqual(many.slice(-30));
  });

  test("end with the exception, though it was cut off while it said it once more", () => {
    expect(lastWords([...OWN, ...OWN.slice(0, 2)])).toEqual(OWN);
    const chain = [...traceback("KeyError: 'a'"), ...LINK, ...OWN];
    expect(lastWords([...chain, ...chain.slice(0, 9)])).toEqual(chain);
    expect(lastWords(OWN.slice(0, 2)), "there is nothing better").toEqual(OWN.slice(0, 2));
  });

  test("of a chain that is too long, tell the first cause and the end", () => {
    const chain = [
      ...traceback("ModuleNotFoundError: No module named 'psycopg2'", 10),
      ...LINK,
      ...traceback("KeyError: 'between'", 10),
      ...LINK,
      ...traceback("ImproperlyConfigured: Error loading psycopg2 module", 10),
    ];
    const words = lastWords(["starting", ...chain]);
    expect(words.length).toBeLessThanOrEqual(30);
    expect(words).toContain("ModuleNotFoundError: No module named 'psycopg2'");
    expect(words[4]).toMatch(/^… \d+ more lines …$/);
    expect(words.at(-1)).toBe("ImproperlyConfigured: Error loading psycopg2 module");
  });

  test("come without the colours of a terminal", () => {
    expect(lastWords(["\u001b[31;1mError\u001b[0m: \u001b]0;title\u0007no"])).toEqual(["Error: no"]);
  });
});

describe("before_start", () => {
  test("the command that failed and what it said", () => {
    expect(failedCommands(["+ one", "fine", "= 0.100 s: one", "+ two", "bad"])).toEqual(["+ two", "bad"]);
    expect(failedCommands(["no command at all"])).toEqual(["no command at all"]);
  });

  test("of those that failed side by side, all", () => {
    const said = ["+ well", "fine", "+ two (ended with 1)", "bad", "+ three (ended with 2)", "worse"];
    expect(failedCommands(said)).toEqual(said.slice(2));
    const long = Array.from({ length: 50 }, (_, n) => `line ${n}`);
    const both = failedCommands(["+ two (ended with 1)", ...long, "+ three (ended with 2)", ...long]);
    expect(both.filter((line) => line.startsWith("+"))).toHaveLength(2);
    expect(both.filter((line) => line === "line 49")).toHaveLength(2);
  });

  test("how long each command took", () => {
    expect(timesOf(["+ one", "= 12.345 s: one", "= soon"])).toEqual([{ command: "one", seconds: 12.345 }]);
  });
});

test.each([
  "django.db.utils.OperationalError: unable to open database file",
  "PermissionError: [Errno 13] Permission denied: '/var/lib/everspot/releases/r1/db.sqlite3'",
  "OSError: [Errno 30] Read-only file system: '/app/media'",
])("where an app may write is said when it tried elsewhere: %s", (line) => {
  expect(adviceOn([line])).toContain("$STATE_DIRECTORY");
});
test("and not when something else failed", () => {
  expect(adviceOn(["KeyError: 'COLOUR'"])).toBeUndefined();
  for (const zone of [
    "ValueError: Incorrect timezone setting: US/Eastern",
    "zoneinfo._common.ZoneInfoNotFoundError: 'No time zone found with key US/Eastern'",
  ]) {
    expect(adviceOn(["Traceback", zone])).toMatch(/like US\/Eastern .*packages = \["tzdata-legacy"\]/);
  }
});
