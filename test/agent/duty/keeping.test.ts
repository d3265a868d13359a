import { spawn } from "node:child_process";
import { once } from "node:events";
import { afterEach, beforeEach, expect, test } from "vitest";
import { watchKeeping } from "../../../agent/duty/keeping.ts";
import type { Reader, StateStatus } from "../../../agent/ports/state.ts";
import { ManualClock } from "../../cloud/manual-clock.ts";

const well: StateStatus = { state: "shipping", epoch: 1, seq: 9, behind: 0, lag: 40, bound: 1_500 };
let clock: ManualClock;
let stop: AbortController;
let status: StateStatus | undefined;
let sealed: boolean;
let said: string[];
let readers: Reader[];
let used: number;
let watching: Promise<unknown>;
beforeEach(() => {
  [clock, stop, status, sealed, said] = [new ManualClock(), new AbortController(), well, false, []];
  [readers, used] = [[], 50];
  const state = {
    status: async () => status,
    sealed: async () => sealed,
    revive: async () => void said.push("revive"),
    readers: async () => readers,
    diskUsed: async () => used,
  };
  const log = { warn: (text: string) => said.push(text) } as never;
  let wrong = false;
  // As alerts do, which have tests of their own: at each change.
  const told = {
    tell: (text: string) => void said.push(text),
    wrong: (text: string) => {
      if (!wrong) said.push(text);
      wrong = true;
    },
    well: (text: string) => {
      if (wrong) said.push(text);
      wrong = false;
    },
  };
  watching = watchKeeping(state, told, clock, log, stop.signal).catch(() => undefined);
});
afterEach(async () => {
  stop.abort();
  await watching;
});
const pass = async (seconds: number) => {
  for (let passed = 0; passed < seconds; passed += 5) {
    await clock.advance(5_000);
    await new Promise((resolve) => setImmediate(resolve));
  }
};

test("writes that do not come into the bucket are reported once, with S3's own words, and when they do again", async () => {
  status = { ...well, behind: 3, lag: 31_000, trouble: "S3: 503 Slow Down" };
  await pass(30);
  expect(said).toEqual([]);
  await pass(60);
  const held = "visitors wait for it, then get a 503 page";
  expect(said).toEqual([`what was written 31 s ago is not in the bucket yet (S3: 503 Slow Down): ${held}`]);
  status = well;
  await pass(5);
  expect(said.slice(1)).toEqual(["what the site writes is kept in the bucket again"]);
});

test("uploads that do not come into the bucket are reported, and those that never will", async () => {
  status = {
    ...well,
    uploadsLag: 36_000,
    trouble: "S3: 503 Slow Down",
    refused: ["link: it is no ordinary file"],
  };
  await pass(60);
  const held = "visitors wait for it, then get a 503 page";
  expect(said).toEqual([
    "uploads that are not kept: link: it is no ordinary file",
    `what was uploaded 36 s ago is not in the bucket yet (S3: 503 Slow Down): ${held}`,
  ]);
});

test("what is over within half a minute is not reported", async () => {
  status = { ...well, lag: 9_000 };
  await pass(20);
  status = well;
  await pass(10);
  status = undefined;
  await pass(25);
  status = well;
  await pass(60);
  expect(said).toEqual([]);
});

test("a shipper that hangs is reported, and restarted each minute", async () => {
  status = undefined;
  await pass(65);
  expect(said).toEqual([expect.stringContaining("does not answer"), "revive"]);
  await pass(60);
  expect(said.slice(2)).toEqual(["revive"]);
});

test("where another has the site, or it is sealed here, there is nothing to tell of", async () => {
  status = { ...well, state: "fenced", lag: 99_000 };
  await pass(90);
  [status, sealed] = [undefined, true];
  await pass(90);
  expect(said).toEqual([]);
});

test("who reads a database without end is reported once, and ended when there is little room left", async () => {
  const child = spawn(process.execPath, ["-e", "setInterval(() => {}, 1000)"], { stdio: "ignore" });
  const ended = once(child, "exit");
  const pid = child.pid ?? 0;
  readers = [{ pid, name: "python3 manage.py report", seconds: 340, ours: true }];
  status = { ...well, grown: [{ file: "db.sqlite3", bytes: 80e6 }] };
  await pass(25);
  expect(said).toEqual([]);
  await pass(60);
  const who = `python3 manage.py report (process ${pid}, 340 s old)`;
  expect(said).toEqual([`${who} reads db.sqlite3 without end: its write-ahead log has 80 MB, and grows`]);
  expect(child.exitCode ?? child.signalCode).toBeNull();
  used = 91;
  await pass(5);
  expect(await ended).toEqual([null, "SIGKILL"]);
  expect(said[1]).toContain(`${who} was ended`);
});

test("one that is none of the site's code is reported, and left alone", async () => {
  readers = [{ pid: process.pid, name: "sqlite3", seconds: 9, ours: false }];
  [status, used] = [{ ...well, grown: [{ file: "db.sqlite3", bytes: 80e6 }] }, 95];
  await pass(60);
  expect(said).toEqual([expect.stringContaining("reads db.sqlite3 without end")]);
});
