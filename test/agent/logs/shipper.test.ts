/** The shipper over the local CloudWatch Logs, on a clock that moves when everybody waits. */
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { CloudWatchLogsClient } from "@aws-sdk/client-cloudwatch-logs";
import { afterEach, beforeEach, expect, test } from "vitest";
import { createLogSink } from "../../../agent/aws/logs.ts";
import { type Kept, keptIn, type Progress } from "../../../agent/logs/kept.ts";
import { Shipper, type ShipperOptions } from "../../../agent/logs/shipper.ts";
import { Redactor } from "../../../agent/redaction/redactor.ts";
import { Logs } from "../../cloud/logs.ts";
import { throttled, WireServer } from "../../cloud/wire/server.ts";
import { IdleClock } from "../../provisioner/deploy/idle-clock.ts";
import { Journal } from "./journal-of.ts";

const GROUP = "everspot-blog";
let clock: IdleClock;
let server: WireServer;
let cloud: Logs;
let client: CloudWatchLogsClient;
let journal: Journal;
let redactor: Redactor;
let state: Progress;
let written: Progress[];
let running: { stop: AbortController; ended: Promise<void> }[];
const told: string[] = [];
const notices: string[] = [];

beforeEach(async () => {
  clock = new IdleClock();
  server = new WireServer({ now: () => clock.now(), simulated: true });
  cloud = new Logs(server, { now: () => clock.now(), visibleMs: 3000 });
  await server.start();
  client = new CloudWatchLogsClient({ endpoint: server.endpoint, maxAttempts: 1 });
  cloud.groups.create(GROUP, {}, undefined);
  journal = new Journal();
  redactor = new Redactor();
  state = {
    ...{ version: 1, instance: "i-1", ends: {}, ahead: {}, sending: [] },
    day: { date: "", bytes: 0, left: 0 },
  };
  written = [];
  running = [];
  told.length = 0;
  notices.length = 0;
});
afterEach(async () => {
  for (const one of running) one.stop.abort();
  await Promise.all(running.map((one) => one.ended));
  clock.stop();
  expect(server.faults).toEqual([]);
  client.destroy();
  await server.stop();
});

const kept: Kept = {
  read: async () => structuredClone(state),
  write: async (progress) => {
    state = structuredClone(progress);
    written.push(state);
  },
};
function start(more: Partial<ShipperOptions> = {}): { shipper: Shipper; stop(): Promise<void> } {
  const shipper = new Shipper({
    ...{ instance: "i-1", clock, kept, tail: journal.tail, most: 100 },
    sink: createLogSink(client, GROUP),
    redact: (lines) => redactor.lines(lines),
    secretsKnown: async () => {},
    tell: (text) => told.push(text),
    notify: (text) => notices.push(text),
    ...more,
  });
  const stop = new AbortController();
  const one = { stop, ended: shipper.run(stop.signal) };
  running.push(one);
  return {
    shipper,
    stop: async () => {
      stop.abort();
      await one.ended;
    },
  };
}
const say = (text: string, more = {}) => journal.write(text, clock.now(), more);
const lines = (prefix = "") => cloud.messages(GROUP, prefix);
/** Waits on the simulated clock. */
async function until(what: () => boolean, seconds = 1200): Promise<void> {
  for (let i = 0; i < seconds * 10 && !what(); i++) await clock.sleep(100);
  expect(what()).toBe(true);
}
const all = (count: number, from = 0) => Array.from({ length: count }, (_, i) => `line ${from + i}`);

test("each source has its stream; what came in a second is there within two", async () => {
  start();
  say("hello\nworld");
  say("GET / 200", { unit: "nginx.service", identifier: "access" });
  say("no such file", { unit: "nginx.service", identifier: "nginx" });
  say("on duty", { unit: "everspot.service" });
  say("Main process exited", { unit: "init.scope", about: "everspot-app@r1.service" });
  say("cleared", { unit: "everspot-job-nightly@r1.service" });
  say("out of memory", { unit: undefined, priority: 3 });
  say("a lease was renewed", { unit: "systemd-networkd.service" });
  const from = clock.now();
  await until(() => lines("system").length > 0);
  expect(clock.now() - from).toBeLessThan(1500);
  expect(lines("app/i-1/r1")).toEqual(["hello", "world", "Main process exited"]);
  expect(lines("access/i-1")).toEqual(["GET / 200"]);
  expect(lines("nginx/i-1")).toEqual(["no such file"]);
  expect(lines("agent/i-1")).toEqual(["on duty"]);
  expect(lines("job/nightly/i-1/r1")).toEqual(["cleared"]);
  expect(lines("system/i-1")).toEqual(["out of memory"]);
  expect(lines()).toHaveLength(8);
});

test("an agent that is restarted goes on by the cursor", async () => {
  const first = start();
  for (const line of all(5)) say(line);
  await until(() => lines().length === 5);
  await first.stop();
  for (const line of all(5, 5)) say(line);
  start();
  await until(() => lines().length === 10);
  expect(lines()).toEqual(all(10));
  expect(journal.opened).toEqual([undefined, journal.entries[4]?.cursor]);
});

test("killed between the call and the note of it: nothing comes twice", async () => {
  const first = start();
  for (const line of all(5)) say(line);
  await until(() => lines().length === 5);
  await first.stop();
  const sending = written.find((one) => one.sending.length > 0) as Progress;
  state = structuredClone(sending);
  for (const line of all(5, 5)) say(line);
  start();
  await until(() => lines().length >= 10);
  await clock.sleep(20_000);
  expect(lines()).toEqual(all(10));
});

test("killed between the note and the call: nothing is lost", async () => {
  const put = new Promise<number>(() => {});
  const first = start({ sink: { put: () => put, count: async () => 0 } });
  for (const line of all(5)) say(line);
  await until(() => state.sending.length > 0);
  await first.stop();
  expect(lines()).toEqual([]);
  start();
  await until(() => lines().length >= 5);
  expect(lines()).toEqual(all(5));
});

test.each([
  ["an answer that is lost", { loseReply: true as const }],
  ["a request that is lost", { loseRequest: true as const }],
  ["an error page after it was done", { latePage: 502 }],
  ["too many requests", { error: throttled() }],
])("%s: each line comes once", async (_, disturbance) => {
  start();
  say("line 0");
  await until(() => lines().length === 1);
  server.disturb("logs", "PutLogEvents", disturbance);
  for (const line of all(3, 1)) say(line);
  await until(() => told.some((text) => /again/.test(text)));
  for (const line of all(3, 4)) say(line);
  await until(() => lines().length >= 7);
  expect(lines()).toEqual(all(7));
  expect(told).toHaveLength(2);
});

test("many streams at once, of which one fails: the others' lines are not sent again", async () => {
  start();
  server.disturb("logs", "PutLogEvents", { error: throttled() }, 3);
  for (let i = 0; i < 4; i++) {
    say(`app ${i}`);
    say(`access ${i}`, { unit: "nginx.service", identifier: "access" });
  }
  await until(() => lines().length >= 8);
  await clock.sleep(30_000);
  expect(lines("app")).toEqual(["app 0", "app 1", "app 2", "app 3"]);
  expect(lines("access")).toEqual(["access 0", "access 1", "access 2", "access 3"]);
});

test("without the log group it says what to do, once, and goes on when it is there", async () => {
  cloud.groups.delete(GROUP);
  start();
  say("line 0");
  await until(() => told.length > 0);
  expect(told[0]).toMatch(/log group does not exist.*everspot up/);
  await clock.sleep(1_500_000);
  expect(told).toHaveLength(1);
  cloud.groups.create(GROUP, {}, undefined);
  await until(() => lines().length === 1);
});

test("nothing leaves before the secrets are known, and then none does", async () => {
  let readable = false;
  start({
    secretsKnown: async () => {
      if (!readable) throw new Error("SSM does not answer");
      redactor.learn({ TOKEN: "s3cret-of-the-site" });
    },
  });
  say("token=s3cret-of-the-site;");
  say("it is s3cret-of-");
  say("the-site, over two lines");
  await clock.sleep(30_000);
  expect(lines()).toEqual([]);
  readable = true;
  await until(() => lines().length > 0);
  expect(lines()).toEqual(["token=[redacted];", "it is [redacted], over two lines"]);
});

test("the brake: a notice in the log and to the owner, the agent's own lines go on, and all do the next day", async () => {
  start({ most: 1, tell: (text) => say(text, { unit: "everspot.service" }) });
  for (let i = 0; i < 15; i++) say(`${i} ${"x".repeat(99_970)}`);
  say("on duty", { unit: "everspot.service" });
  await until(() => lines("agent").length >= 2);
  expect(lines("app")).toHaveLength(10);
  expect(lines("agent")).toContain("on duty");
  expect(lines("agent").join()).toMatch(/1 MB of it were brought .* max_mb_per_day/);
  expect(notices).toHaveLength(1);
  await clock.sleep(86_400_000);
  say("the next day");
  await until(() => lines("app").length === 11);
  await until(() => /5 lines of \S+ were left out/.test(lines("agent").join()));
  expect(notices).toHaveLength(1);
});

test("what the journal had to forget is counted", async () => {
  const first = start();
  say("line 0");
  await until(() => lines().length === 1);
  await first.stop();
  for (const line of all(6, 1)) say(line);
  journal.forget(4);
  start();
  await until(() => lines().length === 4);
  expect(told).toEqual(["log: 3 entries of the journal were gone, or too long, before they were kept"]);
});

test("the last lines are sent at the end; a service that is silent holds nothing up", async () => {
  const first = start();
  say("line 0");
  await until(() => lines().length === 1);
  say("line 1");
  await first.stop();
  expect(lines()).toEqual(all(2));
  // A request that is under way would hold the simulated clock up.
  const second = start({ sink: { put: () => new Promise(() => {}), count: async () => 0 } });
  say("line 2");
  await until(() => state.sending.length > 0);
  const from = clock.now();
  await second.stop();
  expect(clock.now() - from).toBeLessThan(2500);
  start();
  await until(() => lines().length >= 3);
  await clock.sleep(20_000);
  expect(lines()).toEqual(all(3));
});

test("a disk that was copied begins at its own boot", async () => {
  state = { ...state, instance: "i-1", cursor: "s=abc;i=ff;" };
  const folder = await mkdtemp(join(tmpdir(), "everspot-logs-"));
  const file = join(folder, "logs.json");
  await keptIn(file, "i-1").write(state);
  expect((await keptIn(file, "i-1").read()).cursor).toBe("s=abc;i=ff;");
  expect((await keptIn(file, "i-2").read()).cursor).toBeUndefined();
  await rm(folder, { recursive: true });
});
