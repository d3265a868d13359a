import { mkdir, readdir, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import type { RunContext } from "../../../agent/jobs/run.ts";
import { Runs } from "../../../agent/jobs/runs.ts";
import { readDocument, updateDocument } from "../../../agent/site/document.ts";
import { type SiteState, siteDocument } from "../../../agent/site/documents/site-state.ts";
import { keys } from "../../../agent/site/names.ts";
import { ring } from "../../../agent/site/runs/bell.ts";
import { type RunRequest, requestDocument, stateDocument } from "../../../agent/site/runs/documents.ts";
import { unpackOutput } from "../../../agent/site/runs/output.ts";
import { runName, runUnit } from "../../../agent/system/paths.ts";
import { IdleClock } from "../../provisioner/deploy/idle-clock.ts";
import { type LocalS3, startS3 } from "../site/s3.ts";
import { Commands } from "./command.ts";

let clock: IdleClock;
let local: LocalS3;
let commands: Commands;
let owned: { epoch: number; release: string } | undefined;
const told: string[] = [];
const warned: string[] = [];
beforeEach(async () => {
  clock = new IdleClock();
  local = await startS3({ now: () => clock.now() });
  commands = new Commands();
  owned = { epoch: 3, release: "r1" };
  told.length = 0;
  warned.length = 0;
  await own("i-1", 3);
});
afterEach(async () => {
  clock.stop();
  commands.close();
  await local.close();
});

const time = (ms = 0) => new Date(clock.now() + ms).toISOString();
const own = (owner: string, epoch: number) =>
  updateDocument(
    local.store,
    siteDocument,
    (): Omit<SiteState, "nonce"> => ({
      ...{ version: 1, owner, epoch, address: "203.0.113.8", privateAddress: "10.0.0.8" },
      ...{ launched: time(), since: time(), state: "serving" },
    }),
    clock,
  );
async function ask(id: string, change: Partial<RunRequest> = {}): Promise<void> {
  const request: Omit<RunRequest, "nonce"> = {
    ...{ version: 1, by: "ann@laptop", asked: time(), expires: time(60_000), kind: "program", words: ["x"] },
    ...{ timeout: 60, environment: {}, secrets: false, cancelled: false },
    ...{ stdin: { parts: 0, ended: true }, ...change },
  };
  await updateDocument(local.store, requestDocument(id), () => request, clock);
  await ring(local.store, clock, id);
}
const state = async (id: string) => (await readDocument(local.store, stateDocument(id))).value;
function agent(instance = "i-1", change: Partial<RunContext> = {}): Runs {
  const { start, units } = commands;
  const context: RunContext = {
    ...{ instance, store: local.store, clock, units, start, owned: () => owned },
    places: commands.places(instance),
    secrets: { read: async () => ({}) },
    tryNotify: async () => [],
    tell: (text) => told.push(text),
    ...change,
  };
  return new Runs(context, (message) => warned.push(message));
}
async function ended(id: string) {
  for (let i = 0; i < 200; i++) {
    const found = await state(id);
    if (found?.end !== undefined) return found.end;
    await clock.sleep(1000);
  }
  throw new Error(`${id} did not end`);
}

test("two that both take themselves for the owner: one of them runs it, once", async () => {
  commands.begins = (one) => one.end(0);
  await ask("run-1");
  const [one, two] = [agent("i-1"), agent("i-1")];
  await Promise.all([one.look(), two.look()]);
  await ended("run-1");
  await clock.sleep(5_000);
  expect(commands.started).toHaveLength(1);
  await one.look();
  await two.look();
  await clock.sleep(5_000);
  expect(commands.started).toHaveLength(1);
});

test("an instance that site.json does not name runs nothing, though it believes to be the owner", async () => {
  await ask("run-1");
  await own("i-2", 4);
  await agent("i-1").look();
  expect(await ended("run-1")).toMatchObject({
    ...{ how: "refused", exitCode: 69, parts: 0, reason: "i-2 owns the site now" },
  });
  expect(commands.started).toEqual([]);
});

test("one that does not own the site waits, and takes it up when it does", async () => {
  commands.begins = (one) => one.end(0);
  await ask("run-1");
  const runs = agent();
  const mine = owned;
  owned = undefined;
  await runs.look();
  expect(await state("run-1")).toBeUndefined();
  expect(runs.pace).toEqual({ seconds: 5, all: true });
  owned = mine;
  await runs.look();
  expect((await ended("run-1")).how).toBe("ended");
  expect(runs.pace).toBeUndefined();
});

test.each([
  ["expired", { expires: "2020-01-01T00:00:00.000Z" }],
  ["cancelled", { cancelled: true }],
])("one that is %s is not taken up", async (_, change) => {
  await ask("run-1", change);
  await agent().look();
  await clock.sleep(10_000);
  expect(await state("run-1")).toBeUndefined();
  expect(commands.started).toEqual([]);
});

test("one that is cancelled while it is taken up never begins", async () => {
  await ask("run-1");
  const { store } = local;
  const put: typeof store.put = async (key, ...rest) => {
    const done = await store.put(key, ...rest);
    if (key === stateDocument("run-1").key && commands.started.length === 0) {
      const cancel = (current: RunRequest | undefined) => current && { ...current, cancelled: true };
      await updateDocument(store, requestDocument("run-1"), cancel, clock);
    }
    return done;
  };
  await agent("i-1", { store: { ...store, put } }).look();
  expect(await ended("run-1")).toMatchObject({ how: "cancelled", exitCode: 130 });
  expect(commands.started).toEqual([]);
});

test("more at a time than may run are refused, with a reason", async () => {
  const runs = agent();
  for (let i = 0; i < 5; i++) await ask(`run-${i}`);
  await runs.look();
  expect(await ended("run-4")).toMatchObject({ how: "refused", reason: expect.stringContaining("as many") });
  expect(commands.started.length).toBeLessThan(5);
  for (const one of commands.started) one.end(0);
});

test("while one runs the bell is looked at twice a second, and its signs of life come every 10 s", async () => {
  await ask("run-1");
  const runs = agent();
  await runs.look();
  while (commands.started.length === 0) await clock.sleep(10);
  expect(runs.pace).toEqual({ seconds: 0.5, all: false });
  const first = (await state("run-1"))?.nonce;
  await clock.sleep(11_000);
  expect((await state("run-1"))?.nonce).not.toBe(first);
  commands.started[0]?.end(0);
  await ended("run-1");
});

test("the settings that are served are those of a command, unless the environment names some", async () => {
  let environment = "";
  const { readFileSync } = await import("node:fs");
  const places = commands.places("i-1");
  commands.begins = (one) => {
    environment = readFileSync(join(places.environment, one.options.unit.replace(/@.*/, ".env")), "utf8");
    one.end(0);
  };
  const folder = dirname(places.appSocket("r1"));
  await mkdir(folder, { recursive: true });
  await writeFile(join(folder, "worker-7.json"), JSON.stringify({ settings: "site.settings.live" }));
  await ask("run-1");
  const runs = agent();
  await runs.look();
  await ended("run-1");
  expect(environment).toBe('DJANGO_SETTINGS_MODULE="site.settings.live"\n');
  await writeFile(join(places.environment, "r1.env"), 'DJANGO_SETTINGS_MODULE="other"\n');
  await ask("run-2");
  await runs.look();
  await ended("run-2");
  expect(environment).toBe("");
  expect(await readdir(places.environment)).toEqual(["r1.env"]);
});

test("manage.py is run where the release has one", async () => {
  commands.begins = (one) => one.end(0);
  const folder = join(commands.places("i-1").releases, "r1");
  await mkdir(folder, { recursive: true });
  await writeFile(join(folder, "manage.py"), "");
  await ask("run-1", { kind: "manage", words: ["check"] });
  await agent().look();
  await ended("run-1");
  expect(commands.started[0]?.options.words).toEqual(["python3", "manage.py", "check"]);
});

test("no word of a command is in what is logged of it", async () => {
  commands.begins = (one) => one.end(0);
  await ask("run-1", { words: ["psql", "postgres://ann:hunter2@db"] });
  await agent().look();
  await ended("run-1");
  await clock.sleep(1000);
  expect(told).toEqual([
    "ann@laptop has a command run here (run-1)",
    "the command run-1: ended, exit code 0",
  ]);
});

test("an agent that ends takes its commands with it, and says so", async () => {
  await ask("run-1");
  const runs = agent();
  await runs.look();
  while (commands.started.length === 0) await clock.sleep(10);
  const stop = new AbortController();
  const over = runs.ended(stop.signal);
  stop.abort(new Error("SIGTERM"));
  await over;
  expect(commands.started[0]?.stopped).toBe(true);
  expect((await state("run-1"))?.end).toMatchObject({ how: "interrupted", exitCode: 75 });
});

test("what one that was cut off left is ended by the next, said, and not run again", async () => {
  await ask("run-1");
  const dead = agent();
  await dead.look();
  while (commands.started.length === 0) await clock.sleep(10);
  commands.started[0]?.write("half");
  await clock.sleep(500);
  // As a process that is killed: it writes nothing more.
  const first = commands.started[0];
  if (first !== undefined) first.onStop = () => {};
  const before = (await state("run-1"))?.nonce;
  const next = agent();
  await next.recover(new AbortController().signal);
  expect(first?.stopped).toBe(true);
  expect((await state("run-1"))?.end).toMatchObject({ how: "interrupted", exitCode: 75, parts: 1 });
  // Whoever follows it sees that there is news.
  expect((await state("run-1"))?.nonce).not.toBe(before);
  const { runs, environment } = commands.places("i-1");
  expect([await readdir(runs), await readdir(environment)]).toEqual([[], []]);
  await next.look();
  await clock.sleep(5_000);
  expect(commands.started.map((one) => one.options.unit)).toEqual([runUnit("run-1", "r1")]);
  expect(first?.options.unit).toContain(runName("run-1"));
});

test("a bucket that cannot be written for a while loses no output", async () => {
  commands.begins = (one) => {
    one.write("all of it");
    one.end(0);
  };
  await ask("run-1");
  const { store } = local;
  let refused = 0;
  const put: typeof store.put = async (key, ...rest) => {
    if (/\/told\/run-1\/0$/.test(key) && refused++ < 5) throw new Error("S3 is busy");
    return store.put(key, ...rest);
  };
  await agent("i-1", { store: { ...store, put } }).look();
  expect(await ended("run-1")).toMatchObject({ how: "ended", parts: 1 });
  expect(refused).toBe(6);
});

test.each([
  ["got everywhere", [{ channel: "webhook" }], 0],
  ["did not", [{ channel: "webhook", error: "HTTP 404" }, { channel: "mail" }], 1],
  ["goes nowhere", [], 1],
])("a notice to try starts no unit, and says how it got there: one that %s", async (_, tried, exitCode) => {
  await ask("run-1", { kind: "notify", words: ["test"] });
  await agent("i-1", { tryNotify: async () => tried }).look();
  expect(await ended("run-1")).toMatchObject({ how: "ended", exitCode, parts: 1 });
  const part = await local.store.get(keys.runOutput("run-1", 0));
  const [piece] = unpackOutput(part?.body ?? new Uint8Array());
  expect(JSON.parse(Buffer.from(piece?.bytes ?? []).toString())).toEqual(tried);
  expect(commands.started).toEqual([]);
  expect(told[0]).toBe("ann@laptop has a notice to try (run-1)");
});
