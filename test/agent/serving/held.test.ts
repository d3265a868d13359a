/** An app on a machine that is kept from its processors: what that costs is not the app's fault. */
import { mkdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { type AppMachine, prepareApp, waitHealthy } from "../../../agent/serving/app.ts";
import type { Clock } from "../../../agent/site/clock.ts";
import { patientClock } from "../../../agent/system/processor.ts";
import { bootConfigOf } from "../boot-config.ts";
import { Apps } from "../machine/apps.ts";

let apps: Apps;
let now: number;
/** Seconds stolen in each second. */
let share: number;
/** Seconds after which the app answers. */
let ready: number;
beforeEach(async () => {
  apps = await Apps.open();
  now = 0;
  share = 0;
  ready = 0;
});
afterEach(() => apps.close());

/** Time passes by sleeping. */
const clock: Clock = {
  now: () => now,
  sleep: async (ms) => {
    now += Math.max(ms, 500);
    if (now >= ready * 1000) apps.answers.set("r1", 200);
  },
};

function machine(): AppMachine {
  const patience = patientClock(clock, { time: () => ({ busy: 0, stolen: (share * now) / 1000 }) });
  return {
    ...{ units: apps.units, patience, uid: 0, gid: 0, links: apps.links, socketOf: apps.socketOf },
    config: bootConfigOf({ app: { timeout: 30, beforeStart: ["migrate"] } }),
    environment: join(apps.folder, "environment"),
    static: join(apps.folder, "static"),
    unitFiles: join(apps.folder, "units"),
    kept: apps.kept,
  };
}

async function wait(): Promise<void> {
  const held = machine();
  apps.answers.set("r1", 503);
  await apps.begin("r1");
  await waitHealthy(held, "r1", apps.folder);
}

test.each([
  [0, 25, true],
  [0, 60, false],
  // A t3.micro without credits, and an app that loads for 12 s.
  [0.8, 60, true],
  [0.8, 200, false],
])("%d of each second stolen: one that answers after %d s is well: %s", async (stolen, seconds, well) => {
  share = stolen;
  ready = seconds;
  if (well) await wait();
  else await expect(wait()).rejects.toThrow("not after 30 s; last seen: HTTP 503");
});

test("gunicorn gives a worker as much longer to load, and before_start is not repeated for that", async () => {
  await mkdir(join(apps.folder, "environment"));
  const held = machine();
  const timeout = async () =>
    /EVERSPOT_TIMEOUT="?(\d+)/.exec(await readFile(join(apps.folder, "environment/r1.env"), "utf8"))?.[1];
  await prepareApp(held, "r1", apps.folder, {});
  expect(await timeout()).toBe("30");
  share = 0.75;
  held.patience.now();
  now += 4_000;
  expect(await prepareApp(held, "r1", apps.folder, {})).toBe("done before");
  expect(await timeout()).toBe("120");
});
