import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { inTurn } from "../../../agent/packages/locks.ts";
import type { Clock } from "../../../agent/site/clock.ts";
import { EverspotError } from "../../../agent/site/errors.ts";
import { run } from "../../../agent/system/run.ts";

let folder: string;
let holder: ChildProcess | undefined;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "locks-"));
  for (const place of ["lists/partial", "archives/partial"])
    await mkdir(join(folder, place), { recursive: true });
  for (const file of ["status", "sources.list"]) await writeFile(join(folder, file), "");
});
afterEach(async () => {
  holder?.kill();
  await rm(folder, { recursive: true, force: true });
});

/** As apt and dpkg do it (fcntl(2)). */
async function hold(file: string): Promise<void> {
  const script =
    "import fcntl, sys, time; f = open(sys.argv[1], 'a'); fcntl.lockf(f, fcntl.LOCK_EX); print(flush=True); time.sleep(600)";
  holder = spawn("python3", ["-I", "-S", "-c", script, join(folder, file)], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  await once(holder.stdout ?? expect.fail(), "data");
}

/** The other program is done once this one has waited for it. */
const clockThatEndsIt = (waits: number[]): Clock => ({
  now: () => 0,
  sleep: async (ms) => {
    waits.push(ms);
    if (waits.length < 2) return;
    holder?.kill();
    await once(holder ?? expect.fail(), "exit");
  },
});

const apt = (...args: string[]) =>
  run("apt-get", [
    ...[
      "-q",
      "-y",
      "-o",
      `Dir::State=${folder}`,
      "-o",
      `Dir::Cache=${folder}`,
      "-o",
      "Dir::Etc::sourceparts=-",
    ],
    ...["-o", `Dir::Etc::sourcelist=${join(folder, "sources.list")}`],
    ...["-o", `Dir::State::status=${join(folder, "status")}`, ...args],
  ]);

test.each([
  ["apt's own lists, as apt-daily does", "lists/lock", ["update"]],
  ["dpkg's front end, as unattended-upgrades does", "lock-frontend", ["--download-only", "install"]],
])("another program that holds the lock of %s is waited for", async (_, file, args) => {
  await hold(file);
  await expect(apt(...args)).rejects.toThrow("exit code 100");
  const waits: number[] = [];
  await inTurn(() => apt(...args), undefined, clockThatEndsIt(waits));
  expect(waits).toEqual([1000, 1000]);
});

test("dpkg's own words are known, and the wait has an end that names who holds it", async () => {
  const said =
    (...lines: string[]) =>
    async () => {
      throw new EverspotError("exit code 2", { lines });
    };
  let now = 0;
  const clock: Clock = {
    now: () => now,
    sleep: async (ms) => {
      now += ms;
    },
  };
  const dpkg = said("dpkg: error: dpkg frontend lock was locked by another process with pid 7");
  await expect(inTurn(dpkg, undefined, clock)).rejects.toThrow(
    /apt and dpkg: not after 300 s.*held by another program/,
  );
  expect(now).toBe(300_000);
  const apt = said("E: Could not get lock /x/lock. It is held by process 7 (unattended-upgr)");
  await expect(inTurn(apt, undefined, clock)).rejects.toThrow("held by process 7 (unattended-upgr)");
});

test("what else goes wrong is reported at once", async () => {
  await expect(inTurn(() => apt("install", "no-such-package"))).rejects.toThrow("exit code 100");
});
