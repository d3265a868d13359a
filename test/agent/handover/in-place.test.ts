import { createHash } from "node:crypto";
import { mkdir, mkdtemp, readlink, rm } from "node:fs/promises";
import http from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pino } from "pino";
import { afterEach, beforeEach, expect, test } from "vitest";
import { swapInPlace } from "../../../agent/handover/in-place.ts";
import type { Host } from "../../../agent/machine/host.ts";
import type { Machine } from "../../../agent/machine/machine.ts";
import { BootRecorder } from "../../../agent/record/recorder.ts";
import { Candidates } from "../../../agent/release/candidates.ts";
import type { AppMachine } from "../../../agent/serving/app.ts";
import { type Channel, channelDocument } from "../../../agent/site/channel.ts";
import { systemClock } from "../../../agent/site/clock.ts";
import { readDocument, updateDocument } from "../../../agent/site/document.ts";
import { keys } from "../../../agent/site/names.ts";
import { replacementsDocument } from "../../../agent/site/replacements.ts";
import { pointLink } from "../../../agent/system/files.ts";
import type { Units } from "../../../agent/system/units.ts";
import { AwsError } from "../../cloud/wire/server.ts";
import { bootConfigOf } from "../boot-config.ts";
import { rawZip } from "../release/unzip-zips.ts";
import { type LocalS3, startS3 } from "../site/s3.ts";

const INSTANCE = "i-0123456789abcdef0";
const config = bootConfigOf({ app: { timeout: 1 } });

let local: LocalS3;
let folder: string;
let links: AppMachine["links"];
let apps: Map<string, http.Server>;
/** What the app of a release answers; 200 if not set. */
let answers: Map<string, number>;
beforeEach(async () => {
  local = await startS3();
  folder = await mkdtemp(join(tmpdir(), "in-place-"));
  links = { socket: join(folder, "app.sock"), release: join(folder, "release") };
  apps = new Map();
  answers = new Map();
  for (const id of ["r1", "r2"]) await publish(id);
  await channel({ current: "r1", candidate: { id: "r2", attempts: [] } });
  await units.start("everspot-app@r1.service", 1);
  await mkdir(join(folder, "releases/r1"), { recursive: true });
  await pointLink(links.release, join(folder, "releases/r1"));
  await pointLink(links.socket, socketOf("r1"));
});
afterEach(async () => {
  for (const id of [...apps.keys()]) await end(id);
  await local.close();
  await rm(folder, { recursive: true, force: true });
});

async function publish(id: string): Promise<void> {
  const files = { "wsgi.py": `release = "${id}"\n`, ".everspot/python/gunicorn/__init__.py": "" };
  const zip = rawZip(Object.entries(files).map(([name, data]) => ({ name, data, mode: 0o100644 })));
  const sha256 = createHash("sha256").update(zip).digest("hex");
  await local.store.put(keys.releaseZip(id), zip);
  const manifest = {
    ...{ version: 1, id, counter: 1, created: "2026-11-21T00:00:00.000Z", sha256, size: zip.length },
    ...{ unpackedSize: 30, files: 2, bytecode: true },
  };
  await local.store.put(keys.releaseManifest(id), JSON.stringify(manifest));
}

const channel = (fields: Partial<Channel>) =>
  updateDocument(local.store, channelDocument, () => ({
    ...{ version: 1 as const, counter: 2, quarantined: [] },
    ...fields,
  }));
const stored = async () => (await readDocument(local.store, channelDocument)).value;

const socketOf = (id: string) => join(folder, `${id}.sock`);
const releaseOf = (unit: string) => /@(.*)\.service$/.exec(unit)?.[1] ?? unit;

async function end(id: string): Promise<void> {
  const app = apps.get(id);
  apps.delete(id);
  app?.closeAllConnections();
  await new Promise<void>((resolve) => (app === undefined ? resolve() : app.close(() => resolve())));
}

/** Units whose apps are servers here, each on the socket of its release. */
const units: Units = {
  state: async (unit) => {
    const active = apps.has(releaseOf(unit));
    return { active: active ? "active" : "inactive", sub: "", restarts: 0, result: "success" };
  },
  start: async (unit) => {
    const id = releaseOf(unit);
    const app = http.createServer((_, response) => {
      response.statusCode = answers.get(id) ?? 200;
      response.end(id);
    });
    await rm(socketOf(id), { force: true });
    await new Promise<void>((resolve) => app.listen(socketOf(id), resolve));
    apps.set(id, app);
  },
  stop: (unit) => end(releaseOf(unit)),
  reload: async () => {},
  reset: async () => {},
  readFiles: async () => {},
  list: async () => [],
  lines: async () => ["Traceback of the app"],
};

/** What a visitor gets through the link that nginx follows. */
const visit = (): Promise<{ status: number; release: string }> =>
  new Promise((resolve, reject) => {
    const request = http.get({ socketPath: links.socket, path: "/", agent: false }, (response) => {
      let text = "";
      response.on("data", (part: Buffer) => {
        text += part.toString();
      });
      response.on("end", () => resolve({ status: response.statusCode ?? 0, release: text }));
    });
    request.on("error", reject);
  });

/** An agent that was started just now. */
function agent(probe = async () => ({ milliseconds: 1 })) {
  const stop = new AbortController();
  const recorder = new BootRecorder({
    ...{
      store: local.store,
      site: "blog",
      bootId: "b",
      agent: "a".repeat(64),
      started: Date.now(),
      before: [],
    },
  });
  const identity = {
    ...{ instance: INSTANCE, type: "t3.micro", image: "ami-01234567", zone: "us-east-1a", lifeCycle: "spot" },
    ...{ address: "203.0.113.1", privateAddress: "10.0.0.1" },
  };
  const apps: AppMachine = {
    ...{ units, config, uid: 0, gid: 0, environment: join(folder, "environment"), links, socketOf },
  };
  const machine: Partial<Machine> = {
    identity,
    host: { apps: async () => apps, probe } as unknown as Host,
    ...{ config, clock: systemClock, store: local.store, units },
    platform: { python: "3.13", arch: "x86_64" },
    disk: { releases: join(folder, "releases"), unflushed: join(folder, "unflushed") },
    candidates: new Candidates(local.store, systemClock),
    secrets: { read: async () => ({}) },
  };
  const swap = (running: string, release = "r2") =>
    swapInPlace({ deploy: "d-1", release }, running, {
      machine: machine as Machine,
      ...{ recorder, log: pino({ level: "silent" }), signal: stop.signal },
    });
  return { swap, stop, record: () => recorder.value };
}

test("the candidate takes over: links, channel and record say so, and the old app has ended", async () => {
  const { swap } = agent();
  expect(await swap("r1")).toBe(true);
  expect(await visit()).toEqual({ status: 200, release: "r2" });
  expect(await readlink(links.release)).toBe(join(folder, "releases/r2"));
  expect([...apps.keys()]).toEqual(["r2"]);
  const after = await stored();
  expect(after).toMatchObject({ current: "r2", previous: "r1" });
  expect(after?.candidate).toBeUndefined();
});

test("what serves is what was asked for already: nothing is stopped, however often machines died before", async () => {
  await agent().swap("r1");
  const died = Array.from({ length: 6 }, (_, i) => ({
    ...{ instance: `i-${i}`, release: "r2", at: new Date().toISOString() },
  }));
  await updateDocument(local.store, replacementsDocument, () => ({ version: 1, given: [], starts: died }));
  expect(await agent().swap("r2")).toBe(true);
  expect(await visit()).toEqual({ status: 200, release: "r2" });
});

test("an app that does not answer 200 is stopped and quarantined, and the old one serves on", async () => {
  answers.set("r2", 500);
  expect(await agent().swap("r1")).toBe(false);
  expect(await visit()).toEqual({ status: 200, release: "r1" });
  expect([...apps.keys()]).toEqual(["r1"]);
  const after = await stored();
  expect(after?.current).toBe("r1");
  expect(after?.quarantined).toMatchObject([{ id: "r2", reason: expect.stringContaining("HTTP 500") }]);
});

test("a site that does not answer through its front door after the switch is switched back", async () => {
  const seen: string[] = [];
  const { swap } = agent(async () => {
    seen.push((await visit()).release);
    throw new Error("HTTP 502");
  });
  expect(await swap("r1")).toBe(false);
  expect(seen).toEqual(["r2"]);
  expect(await visit()).toEqual({ status: 200, release: "r1" });
  expect(await readlink(links.release)).toBe(join(folder, "releases/r1"));
  expect((await stored())?.quarantined).toMatchObject([{ id: "r2", reason: "HTTP 502" }]);
});

test("a release that is not the candidate any more is left alone", async () => {
  await channel({ current: "r1", candidate: { id: "r1", attempts: [] } });
  expect(await agent().swap("r1")).toBe(false);
  expect(await visit()).toEqual({ status: 200, release: "r1" });
  expect((await stored())?.quarantined.map((q) => q.id)).not.toContain("r2");
});

test("a bucket that does not answer is not the release's fault", async () => {
  local.server.before((call) => {
    if (call.operation === "GetObject" && String(call.input.Key).endsWith("r2.json"))
      throw new AwsError("InternalError", "We encountered an internal error.", 500);
  });
  expect(await agent().swap("r1")).toBe(false);
  expect(await visit()).toEqual({ status: 200, release: "r1" });
  const after = await stored();
  expect(after?.quarantined).toEqual([]);
  expect(after?.candidate).toMatchObject({ id: "r2", attempts: [] });
});

test("killed before any of its calls to the bucket: the site is served, and the next agent brings it to its end", async () => {
  let left = Number.POSITIVE_INFINITY;
  let kill = () => {};
  local.server.before(() => {
    left -= 1;
    if (left >= 0) return;
    kill();
    throw new AwsError("Killed", "nobody hears this", 400);
  });
  const served: string[] = [];
  let calls = 0;
  for (let done = false; !done; calls++) {
    await channel({ current: "r1", candidate: { id: "r2", attempts: [] } });
    await updateDocument(local.store, replacementsDocument, () => ({ version: 1, given: [], starts: [] }));
    if (!apps.has("r1")) await units.start("everspot-app@r1.service", 1);
    await pointLink(links.release, join(folder, "releases/r1"));
    await pointLink(links.socket, socketOf("r1"));
    await end("r2");
    await rm(join(folder, "releases/r2"), { recursive: true, force: true });

    const first = agent();
    kill = () => first.stop.abort(new Error("killed"));
    left = calls;
    done = await first.swap("r1").catch(() => false);
    left = Number.POSITIVE_INFINITY;
    const seen = await visit();
    expect(seen.status, `killed before call ${calls}`).toBe(200);
    served.push(seen.release);
    // As the boot of the next agent has it: what serves is what the link says.
    if (!done) expect(await agent().swap(seen.release), `after call ${calls}`).toBe(true);
    expect(await visit()).toEqual({ status: 200, release: "r2" });
    const after = await stored();
    expect(after).toMatchObject({ current: "r2", quarantined: [] });
    expect(after?.candidate).toBeUndefined();
  }
  expect(calls).toBeGreaterThan(8);
  expect(new Set(served)).toEqual(new Set(["r1", "r2"]));
});
