/** Jobs and workers as real units of one machine, driven from here: what hangs, what ends, and what is asked to end. */
import { chmod, cp, mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { Jobs, type JobsContext } from "../../agent/jobs/jobs.ts";
import { Runs } from "../../agent/jobs/runs.ts";
import { type Clock, systemClock } from "../../agent/site/clock.ts";
import { readDocument, updateDocument } from "../../agent/site/document.ts";
import { siteDocument } from "../../agent/site/documents/site-state.ts";
import { jobDocument } from "../../agent/site/jobs/documents.ts";
import { keys } from "../../agent/site/names.ts";
import { poll } from "../../agent/site/poll.ts";
import { ring } from "../../agent/site/runs/bell.ts";
import { requestDocument, stateDocument } from "../../agent/site/runs/documents.ts";
import { unpackOutput } from "../../agent/site/runs/output.ts";
import { startLasting, startTransient } from "../../agent/system/transient.ts";
import { systemd } from "../../agent/system/units.ts";
import { type LocalS3, startS3 } from "../agent/site/s3.ts";
import { type Mirror, openMirror } from "../cloud/mirror.ts";
import { ensureImage } from "../cloud/nspawn/image.ts";
import { type NspawnMachines, nspawnMachines } from "../cloud/nspawn/machines.ts";
import { requireSandbox } from "../cloud/sandbox/sandbox.ts";

const root = path.resolve(import.meta.dirname, "../..");
const ID = `i-${"16".padStart(17, "0")}`;
let mirror: Mirror;
let machines: NspawnMachines;
let local: LocalS3;
let programs: string;
let before: string | undefined;
const sh = async (script: string): Promise<string> => {
  const { stdout, stderr } = await machines.exec(ID, "sh", ["-c", script]);
  return `${stdout}${stderr}`.trim();
};

/** A folder of the machine, as it is seen from here. */
const inside = (folder: string) => `/proc/${machines.leader(ID)}/root${folder}`;

beforeAll(async () => {
  const sandbox = requireSandbox();
  mirror = await openMirror(sandbox.mirrorSocket);
  const image = await ensureImage(sandbox, "debian-13", { proxy: mirror.url, progress: console.error });
  machines = nspawnMachines({
    around: { imdsPort: 1338, proxy: mirror.url, aptSettings: {}, environment: {}, certificates: "" },
    image: async () => image,
  });
  await machines.start({
    ...{ instanceId: ID, imageId: "ami-1", instanceType: "t3.small", address: "127.0.1.16" },
    ...{ availabilityZone: "us-east-1a", userData: undefined },
  });
  await poll(
    "pid 1",
    async () => {
      const said = await sh("systemctl is-system-running");
      return /running|degraded|starting/.test(said) ? { done: true } : { waiting: said };
    },
    { seconds: 60, everySeconds: 0.2 },
  );
  const at = (file: string) => path.join(machines.disk(ID), file);
  await cp(path.join(root, "user-data/units"), at("etc/systemd/system"), { recursive: true });
  for (const folder of ["etc/everspot", "opt/everspot", "var/lib/everspot/releases/r1"]) {
    await mkdir(at(folder), { recursive: true });
  }
  await sh(
    'useradd --system --user-group everspot-app; mkdir -p /run/everspot/environment; echo GREETING=\\"hello\\" > /run/everspot/environment/r1.env; systemctl daemon-reload',
  );
  // The agent's own calls of systemd come to the machine's.
  programs = await mkdtemp(path.join(tmpdir(), "everspot-jobs-"));
  for (const name of ["systemctl", "systemd-run", "journalctl"]) {
    const file = path.join(programs, name);
    await writeFile(file, `#!/bin/sh\nexec nsenter --target ${machines.leader(ID)} --all -- ${name} "$@"\n`);
    await chmod(file, 0o755);
  }
  before = process.env.PATH;
  process.env.PATH = `${programs}:${before}`;
  local = await startS3();
});
afterAll(async () => {
  process.env.PATH = before;
  await machines?.close();
  await mirror?.close();
  await local?.close();
  if (programs !== undefined) await rm(programs, { recursive: true, force: true });
});

test("one that hangs is ended with all that it started, a worker that ends is started again, and all end with the term", async () => {
  // The next minute is a second away.
  const ahead = 59_000 - (Date.now() % 60_000);
  const clock: Clock = { now: () => Date.now() + ahead, sleep: systemClock.sleep };
  const job = (run: string, timeout = 60) => ({
    ...{ run, at: "minutely", zone: "UTC", timeout, missed: "once" as const, retry: 0, stop: 2 },
  });
  const schedule = {
    hangs: job(`trap "" TERM; echo "$GREETING from $EVERSPOT_JOB"; sleep 600 & wait`, 2),
    quick: job("id -un; pwd; exit 3"),
    ends: job(`trap "exit 0" TERM; while :; do sleep 0.1; done`),
    dies: job("exec sleep 600"),
  };
  const worker = { queue: { run: "echo $$ >> $HOME/began; exec sleep 600", stop: 2 } };
  const owned = { epoch: 1, release: "r1" };
  const term = new AbortController();
  const context: JobsContext = {
    ...{ instance: ID, store: local.store, clock, units: systemd, start: startTransient, startLasting },
    ...{ state: undefined, signal: term.signal, owned: () => owned },
    places: {
      ...{ releases: inside("/var/lib/everspot/releases"), environment: inside("/run/everspot/environment") },
      appSocket: (release) => inside(`/run/everspot-app/${release}/app.sock`),
    },
    peers: { find: async () => undefined },
    ...{ seen: () => {}, tell: () => {}, alarm: () => {}, calm: () => {}, ping: async () => {} },
  };
  const ended = new Jobs({ schedule, worker }, context).during(owned, term.signal);
  const last = async (name: string) =>
    (await readDocument(local.store, jobDocument(name))).value?.history.find((one) => "due" in one);
  const over = (name: string) =>
    poll(
      `the end of ${name}`,
      async () => {
        const found = await last(name);
        return found === undefined ? { waiting: "no end" } : { done: found };
      },
      { seconds: 15, everySeconds: 0.2 },
    );
  const began = () => sh("cat /var/lib/everspot-app/began");
  await poll("the worker", async () => ((await began()).match(/^\d+$/) ? { done: true } : { waiting: "-" }), {
    ...{ seconds: 10, everySeconds: 0.2 },
  });
  await sh("systemctl kill --signal=KILL everspot-worker-queue@r1.service");

  expect(await over("quick")).toMatchObject({ how: "failed", exitCode: 3 });
  expect(await over("hangs")).toMatchObject({ how: "timeout" });
  expect(await sh("journalctl --no-pager -o cat -u everspot-job-hangs@r1.service")).toContain(
    "hello from hangs",
  );
  expect(
    await sh("journalctl --no-pager -o cat _TRANSPORT=stdout _SYSTEMD_UNIT=everspot-job-quick@r1.service"),
  ).toContain("everspot-app\n/var/lib/everspot/releases/r1");
  const units = () => sh("systemctl list-units --plain --no-legend 'everspot-job-*' 'everspot-worker-*'");
  // Nothing of what hung is left.
  expect(await units()).not.toContain("hangs");
  const again = await poll(
    "the worker, again",
    async () =>
      (await began()).split("\n").length === 2 ? { done: await units() } : { waiting: await began() },
    { seconds: 10, everySeconds: 0.2 },
  );
  expect(again).toMatch(/everspot-worker-queue@r1.service +loaded active/);
  const limits = await sh("systemctl show -p Slice,User,OOMScoreAdjust everspot-job-dies@r1.service");
  expect(limits.split("\n").sort()).toEqual([
    "OOMScoreAdjust=500",
    "Slice=everspot-app.slice",
    "User=everspot-app",
  ]);

  term.abort(new Error("the site goes to another instance"));
  await ended;
  expect(await units()).toBe("");
  expect(await last("ends")).toMatchObject({ how: "done", exitCode: 0 });
  expect(await last("dies")).toMatchObject({ how: "interrupted" });
}, 60_000);

test("a command that takes longer than `run --timeout` is ended with 124, and so is all that it began", async () => {
  const { store } = local;
  const time = (ms = 0) => new Date(Date.now() + ms).toISOString();
  await updateDocument(store, siteDocument, () => ({
    ...{ version: 1 as const, owner: ID, epoch: 1, address: "203.0.113.8", privateAddress: "10.0.0.8" },
    ...{ launched: time(), since: time(), state: "serving" as const },
  }));
  const words = ["sh", "-c", "echo began; sleep 601; echo ended"];
  await updateDocument(store, requestDocument("run-1"), () => ({
    ...{
      version: 1 as const,
      by: "ann@laptop",
      asked: time(),
      expires: time(60_000),
      kind: "program" as const,
    },
    ...{ words, timeout: 2, environment: {}, secrets: false, cancelled: false },
    stdin: { parts: 0, ended: true },
  }));
  await ring(store, systemClock, "run-1");
  const warned: string[] = [];
  const runs = new Runs(
    {
      ...{ instance: ID, store, clock: systemClock, units: systemd, start: startTransient },
      owned: () => ({ epoch: 1, release: "r1" }),
      places: {
        ...{ releases: inside("/var/lib/everspot/releases"), runs: inside("/run/everspot/runs") },
        environment: inside("/run/everspot/environment"),
        appSocket: (release) => inside(`/run/everspot-app/${release}/app.sock`),
      },
      ...{ secrets: { read: async () => ({}) }, tryNotify: async () => [], tell: () => {} },
    },
    (message) => warned.push(message),
  );
  await runs.look();
  const end = await poll(
    "the end of the command",
    async () => {
      const { value } = await readDocument(store, stateDocument("run-1"));
      return value?.end === undefined ? { waiting: JSON.stringify(value) } : { done: value.end };
    },
    { seconds: 20, everySeconds: 0.2 },
  );
  expect(end).toMatchObject({ how: "timeout", exitCode: 124, parts: 1 });
  const part = await store.get(keys.runOutput("run-1", 0));
  expect(unpackOutput(part?.body ?? new Uint8Array()).map(({ bytes }) => String(Buffer.from(bytes)))).toEqual(
    ["began\n"],
  );
  expect(await sh("pgrep -f 'sleep 60[1]'; systemctl list-units --plain --no-legend 'everspot-run-*'")).toBe(
    "",
  );
  expect(warned).toEqual([]);
}, 60_000);
