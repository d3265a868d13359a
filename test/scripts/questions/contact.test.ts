/** Everything that `scripts/contact` asks, played whole against the local AWS, and cut off half-way. */
import { readFileSync, rmSync } from "node:fs";
import { mkdtemp } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { askAll } from "../../../scripts/questions/run.ts";
import { openClients } from "../../../scripts/questions/scene.ts";
import { tidy, whatIsThere } from "../../../scripts/questions/tidy.ts";
import { QUESTIONS, readAnswers } from "../../cloud/answers.ts";
import { type Cloud, type CloudOptions, startCloud } from "../../cloud/cloud.ts";
import { inventory } from "../../cloud/inventory.ts";
import { type Machines, simulatedMachines } from "../../cloud/machines.ts";
import { AwsError } from "../../cloud/wire/server.ts";
import { isRead } from "../../cloud/writes.ts";
import { IdleClock } from "../../provisioner/deploy/idle-clock.ts";

vi.setConfig({ testTimeout: 120_000 });

/** Prints as user data would on a braked machine, and goes off after four minutes. */
function machines(clock: IdleClock): Machines {
  const exits: ((id: string) => void)[] = [];
  const burn = "everspot-contact: burn 8.9 0.9\n";
  return {
    ...simulatedMachines(),
    start: async ({ instanceId }) => {
      void clock.sleep(240_000).then(() => {
        for (const told of exits) told(instanceId);
      });
    },
    onExit: (listener) => void exits.push(listener),
    console: async () =>
      `Debian boots\neverspot-contact: stat 100 20\n${burn.repeat(6)}everspot-contact: stat 640 4420\neverspot-contact: end\n`,
  };
}

let clock: IdleClock;
let cloud: Cloud;
let folder: string;
let file: string;
let before: string[];
let clients: ReturnType<typeof openClients>;

async function open(options: CloudOptions = {}): Promise<void> {
  clock = new IdleClock();
  cloud = await startCloud({
    ...{ clock, machines: machines(clock), zones: ["us-east-1a", "us-east-1b"] },
    delays: {
      fleetLaunch: 3_000,
      fleetModify: 2_000,
      console: 60_000,
      profileRefused: 60_000,
      versioned: 20_000,
      requestCloses: 30_000,
    },
    ...options,
  });
  Object.assign(process.env, cloud.env);
  before = await inventory(cloud);
  clients = openClients(cloud.region);
}
beforeEach(async () => {
  folder = await mkdtemp(path.join(tmpdir(), "everspot-answers-"));
  file = path.join(folder, "answers.json");
});
afterEach(async () => {
  clients.close();
  await cloud.close();
  clock.stop();
  rmSync(folder, { recursive: true, force: true });
});

const said: string[] = [];
const ask = (signal = new AbortController().signal) => {
  said.length = 0;
  const given = { clients, region: cloud.region, account: cloud.account, clock, signal };
  return askAll(given, file, (text) => void said.push(text));
};
const left = async () => (await inventory(cloud)).filter((thing) => !before.includes(thing));
const answers = () =>
  Object.fromEntries(Object.entries(readAnswers(file)).map(([id, { answer }]) => [id, answer]));

test("every question gets an answer, within the time, and nothing is left", async () => {
  await open();
  cloud.iam.instances.propagationMs = 12_000;
  const began = clock.now();
  const report = await ask();
  expect(report.asked.map((a) => a.id)).toEqual(QUESTIONS);
  expect(answers()).toEqual({
    "account-plan": "paid",
    "dry-run": "yes",
    "deleted-version": "the one before",
    "new-versioning": "yes",
    "empty-fleet": "yes",
    "fleet-permissions": "yes",
    "service-role-path": "neither alone",
    "template-in-modify": "yes",
    "second-change": "refused",
    "low-total-price": "yes",
    "split-target": "no",
    "total-price-counts": "on-demand price",
    "fresh-profile": "refused",
    console: "shown",
    "launch-credits": "yes",
    stolen: "yes",
    shutdown: "terminated",
    "request-closes": "closed",
  });
  expect(readAnswers(file)["second-change"]?.facts.code).toBe("IncorrectState");
  expect(clock.now() - began).toBeLessThan(20 * 60_000);
  expect(report.left).toEqual([]);
  expect(await left()).toEqual([]);
  expect(cloud.faults()).toEqual([]);
  expect(said.join("\n")).toMatch(
    /braked from its first second on[^\n]*\n {2}yes \(\d+ s\) .*"lastWallPerCpu":9.9/,
  );
  const kept = readFileSync(file, "utf8");
  expect(kept).not.toMatch(new RegExp(`${cloud.account}|fleet-[0-9a-f]{8}|lt-0|i-0|ami-0|subnet-0`));
  // Three small instances for minutes: within what it says that it costs.
  expect(cloud.ec2.instances.list().length).toBeLessThanOrEqual(3);
});

test("where AWS is kinder, or has no capacity, the answers say so", async () => {
  await open({
    fleetHabits: {
      modifiesSplit: true,
      notModifiable: undefined,
      beginsEmpty: false,
      countsSpotAs: "spot price",
    },
    delays: { fleetModify: 2_000 },
  });
  cloud.limits.plan = "FREE";
  await ask();
  expect(answers()).toMatchObject({
    "account-plan": "free",
    "new-versioning": "no",
    "empty-fleet": "no",
    "split-target": "unknown",
    "total-price-counts": "spot price",
    "fresh-profile": "accepted",
  });
  // What is known is not forgotten for what could not be asked again.
  cloud.capacity("*", "*", "none");
  const again = await ask();
  expect(again.asked.find((a) => a.id === "console")?.answer).toBe("unknown");
  expect(answers()).toMatchObject({ console: "shown", "fresh-profile": "accepted" });
  expect(await left()).toEqual([]);
});

test("cut off after any of its writes, the next run removes what it left, and asks all", async () => {
  await open({ delays: { fleetModify: 2_000 } });
  let writes: number | undefined;
  cloud.wire.before((call) => {
    if (writes === undefined) return;
    if (writes === 0) throw new AwsError("Killed", "the run is dead", 400);
    if (!isRead(call)) writes -= 1;
  });
  for (const n of [3, 25, 45]) {
    writes = n;
    await ask().catch(() => {});
    writes = undefined;
    const there = await left();
    expect(there, `after ${n}`).not.toEqual([]);
    const given = { clients, region: cloud.region, account: cloud.account, clock };
    expect(await whatIsThere(given), `after ${n}`).not.toEqual([]);
    expect(await tidy(given, () => {}), `after ${n}`).toEqual([]);
    expect(await left(), `after ${n}`).toEqual([]);
  }
  writes = 20;
  await ask().catch(() => {});
  writes = undefined;
  const report = await ask();
  expect(report.found).not.toEqual([]);
  expect(said[0]).toBe("an earlier run left something:");
  expect(report.left).toEqual([]);
  expect(Object.keys(answers())).toEqual(QUESTIONS);
});

test("stopped by Ctrl-C, it tears down", async () => {
  await open();
  const stop = new AbortController();
  cloud.wire.before((call) => {
    if (call.operation === "CreateInstanceProfile") queueMicrotask(() => stop.abort(new Error("stopped")));
  });
  await expect(ask(stop.signal)).rejects.toThrow("stopped");
  expect(await left()).toEqual([]);
});
