/** The agent's hand on what keeps a site's state: units on paper, and a shipper's socket that is real. */
import { mkdir, mkdtemp, readdir, readFile, readlink, rm, stat, writeFile } from "node:fs/promises";
import http from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { execa } from "execa";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { Keeper } from "../../../agent/keeping/keeper.ts";
import { appFolderLinks } from "../../../agent/keeping/unit-files.ts";
import { systemClock } from "../../../agent/site/clock.ts";
import { Fenced } from "../../../agent/site/state/errors.ts";
import { keptPlaces } from "../../../agent/system/paths.ts";
import type { Units } from "../../../agent/system/units.ts";
import { ManualClock } from "../../cloud/manual-clock.ts";

const state = {
  ...{ database: ["a.sqlite3", "$STATE_DIRECTORY/b/c.sqlite3"], media: undefined, mediaUrl: "/media/" },
  ...{ durability: "fast" as const, budget: 3, history: "2d", pause: 10 },
};
const owner = { uid: process.getuid?.() ?? 0, gid: process.getgid?.() ?? 0 };

let folder: string;
let done: string[];
/** What the process says, as its unit runs. */
let says: Record<string, object>;
let shipper: http.Server | undefined;
let status: { state: string; epoch: number };
let answer: { status: number; body: object };
let running: string[];
let stubborn: boolean;
let expires: number;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "everspot-keeper-"));
  [done, says, running, stubborn, expires] = [[], {}, ["everspot-app@r1.service"], false, 1];
  status = { state: "shipping", epoch: 0 };
  answer = { status: 200, body: { seq: 7 } };
});
afterEach(async () => {
  await endShipper();
  await rm(folder, { recursive: true, force: true });
});

async function endShipper(): Promise<void> {
  const server = shipper;
  shipper = undefined;
  server?.closeAllConnections();
  await new Promise<void>((resolve) => (server === undefined ? resolve() : server.close(() => resolve())));
}

function keeper(clock = systemClock) {
  const places = keptPlaces(join(folder, "kept"), join(folder, "keeper"));
  const units: Units = {
    state: async (unit) => ({ active: "active", sub: "", restarts: unit === "" ? 1 : 0, result: "success" }),
    async start(unit) {
      done.push(`start ${unit}`);
      const task = /^site-state@(.*)\.service$/.exec(unit)?.[1];
      if (task !== undefined) {
        const said = says[task] ?? {};
        await writeFile(join(places.private, `${task}.out`), `${JSON.stringify(said)}\nand more\n`);
        if ("fenced" in said || "fails" in said) throw new Error("exit code 3");
        return;
      }
      const given = JSON.parse(await readFile(join(places.private, "ship.json"), "utf8"));
      status = { state: "shipping", epoch: given.epoch };
      shipper = http.createServer((request, response) => {
        done.push(`${request.method} ${request.url}`);
        const told = { status: 200, body: { ...status, seq: 1, behind: 0 } };
        const { status: code, body } = request.method === "GET" ? told : answer;
        response.writeHead(code).end(JSON.stringify(body));
      });
      await new Promise<void>((resolve) => shipper?.listen(given.control, resolve));
    },
    async stop(unit) {
      done.push(`stop ${unit}`);
      if (unit === "site-state.service") return endShipper();
      while (stubborn) await new Promise((resolve) => setTimeout(resolve, 5));
      running = running.filter((one) => one !== unit);
    },
    async kill(unit) {
      done.push(`kill ${unit}`);
      stubborn = false;
    },
    reload: async () => {},
    reset: async () => {},
    readFiles: async () => void done.push("daemon-reload"),
    list: async () => running,
    lines: async () => ["the bucket is on fire"],
  };
  return {
    places,
    keeper: new Keeper({
      ...{ config: { bucket: "b", account: "123", state }, instance: "i-1", units, clock, places },
      ...{ unitFiles: join(folder, "units"), environment: join(folder, "environment") },
      from: join(import.meta.dirname, "../../../agent/state/wrapper"),
      user: async () => owner,
      credentials: async () => ({
        ...{ accessKeyId: "A", secretAccessKey: "S", sessionToken: "T" },
        expiration: new Date(expires),
      }),
      onTrouble: (message) => done.push(message),
    }),
  };
}
const taken = { seq: 9, base: 4, entries: 3, files: ["a.sqlite3"], opened: false, uploads: 0, troubles: [] };
const mark = { seq: 7, hash: "a".repeat(64), epoch: 3, at: "2026-01-01T00:00:00.000Z" };
/** As the process leaves it. */
const shipped = (places: { log: string }, more = {}) =>
  writeFile(
    join(places.log, "shipped.json"),
    JSON.stringify({ epoch: 3, instance: "i-1", sealed: false, place: mark, ...more }),
  );

test("what is made first: folders that both users write to, the gate, and units that wait for a sign", async () => {
  const { keeper: one, places } = keeper();
  await one.ready();
  const mode = async (path: string) => ((await stat(path)).mode & 0o7777).toString(8);
  expect(await mode(places.databases)).toBe("2770");
  expect(await mode(places.private)).toBe("700");
  expect((await readdir(places.python)).sort()).toEqual([
    "everspot_state.py",
    "everspot_uploads.py",
    "sitecustomize.py",
  ]);
  const added = await readFile(join(folder, "units/everspot-.service.d/state.conf"), "utf8");
  expect(added).toContain(`AssertPathExists=|${places.mayRun}\n`);
  expect(added).toContain(`AssertPathExists=|${places.copies}/%i\n`);
  expect(added).toContain("After=site-state.service");
  expect(added).toContain(`ExecStartPre=/bin/sh ${places.links} %i`);
  expect(await one.sealed()).toBe(true);
});

test("taking over: the app and the shipper end first, and what was prepared is prepared again", async () => {
  const { keeper: one, places } = keeper();
  await one.ready();
  await mkdir(join(folder, "environment"));
  for (const name of ["r1.prepared", "r1.env"]) await writeFile(join(folder, "environment", name), "");
  says["take-over"] = taken;
  done.length = 0;
  expect(await one.takeOver(3)).toEqual(taken);
  expect(done).toEqual([
    "stop everspot-app@r1.service",
    "stop site-state.service",
    "start site-state@take-over.service",
  ]);
  expect(await readdir(join(folder, "environment"))).toEqual(["r1.env"]);
  const settings = JSON.parse(await readFile(join(places.private, "take-over.json"), "utf8"));
  expect(settings).toMatchObject({
    epoch: 3,
    instance: "i-1",
    bucket: "b",
    account: "123",
    history: 172_800,
  });
  expect(settings.databases).toEqual(["a.sqlite3", "b/c.sqlite3"]);
  const credentials = JSON.parse(await readFile(settings.credentials, "utf8"));
  expect(credentials).toMatchObject({ accessKeyId: "A", expiration: new Date(1).toISOString() });
});

test("a later owner is told from a failure, which comes with the process's last words", async () => {
  const { keeper: one } = keeper();
  await one.ready();
  says["take-over"] = { fenced: 8 };
  await expect(one.takeOver(3)).rejects.toEqual(new Fenced(8));
  says["take-over"] = { fails: true };
  await expect(one.takeOver(3)).rejects.toMatchObject({
    message: "the site's state: the bucket is on fire",
    retry: "retry",
  });
});

test("the site's code may start once the shipper ships under the epoch; what ships already is left alone", async () => {
  const { keeper: one } = keeper();
  await one.ready();
  await one.start(3);
  expect(await one.sealed()).toBe(false);
  done.length = 0;
  await one.start(3);
  expect(done.filter((line) => !line.startsWith("GET"))).toEqual([]);
  await one.start(4);
  expect(done.filter((line) => line.endsWith("site-state.service"))).toEqual([
    "stop site-state.service",
    "start site-state.service",
  ]);
  expect(await one.open()).toBe(7);
  answer = { status: 409, body: { epoch: 12 } };
  await expect(one.open()).rejects.toEqual(new Fenced(12));
  status.state = "fenced";
  await expect(one.start(4)).rejects.toEqual(new Fenced(5));
});

test("the seal ends an app that does not end, within two seconds, before the log is sealed", async () => {
  const clock = new ManualClock();
  const { keeper: one } = keeper(clock);
  await one.ready();
  await one.start(3);
  running = ["everspot-app@r1.service"];
  stubborn = true;
  done.length = 0;
  const sealed = one.seal();
  const begun = clock.now();
  while (stubborn && clock.now() - begun < 10_000) {
    await new Promise((resolve) => setTimeout(resolve, 2));
    // Only what waits for the clock: on a busy machine the rest has no turn within two milliseconds.
    await clock.advance(Math.max(0, (clock.next ?? 0) - clock.now()));
  }
  stubborn = false;
  expect(clock.now() - begun).toBeLessThanOrEqual(2_100);
  expect(await sealed).toBe(7);
  expect(done).toEqual(["stop everspot-app@r1.service", "kill everspot-app@r1.service", "POST /seal"]);
  expect(await one.sealed()).toBe(true);
});

describe("a release that is tried on the data", () => {
  const tried = async () => {
    const { keeper: one, places } = keeper();
    await one.ready();
    await one.start(3);
    await shipped(places);
    running = ["everspot-app@r1.service"];
    done.length = 0;
    await one.beginTrial("r2");
    return { one, places };
  };

  test("all code of the site ends, then the mark is set, then it may start again", async () => {
    const { one } = await tried();
    expect(done).toEqual(["stop everspot-app@r1.service", "POST /mark?name=before%20r2"]);
    expect(await one.sealed()).toBe(false);
    expect(await one.trial()).toBe("r2");
    await one.endTrial();
    expect(await one.trial()).toBeUndefined();
  });

  test("begun again, it goes back to where it began first", async () => {
    const { one } = await tried();
    done.length = 0;
    await one.beginTrial("r2");
    expect(done.filter((line) => line.startsWith("POST"))).toEqual([]);
    expect(await one.sealed()).toBe(false);
    expect(await one.trial()).toBe("r2");
  });

  test("is taken back to its mark, with all code of the site and the shipper ended", async () => {
    const { one, places } = await tried();
    running = ["everspot-app@r2.service"];
    says.undo = { undone: true, seq: 12 };
    done.length = 0;
    await one.takeBackTrial();
    expect(done).toEqual([
      "stop everspot-app@r2.service",
      "stop site-state.service",
      "start site-state@undo.service",
    ]);
    const settings = JSON.parse(await readFile(join(places.private, "undo.json"), "utf8"));
    expect(settings).toMatchObject({ epoch: 3, mark });
    expect(await one.trial()).toBeUndefined();
    expect(await one.sealed()).toBe(true);
  });

  test("is taken back before a seal, so that no one takes over what it left half done", async () => {
    const { one } = await tried();
    says.undo = { undone: true, seq: 12 };
    done.length = 0;
    await one.seal();
    expect(done.filter((line) => !line.startsWith("GET"))).toEqual([
      "stop site-state.service",
      "start site-state@undo.service",
      "start site-state.service",
      "POST /seal",
    ]);
  });

  test("counts no more once a later owner has the log, or the epoch is another one", async () => {
    const { one, places } = await tried();
    says.undo = { fenced: 9 };
    await expect(one.takeBackTrial()).rejects.toEqual(new Fenced(9));
    expect(await one.trial()).toBeUndefined();
    await one.start(3);
    await one.beginTrial("r2");
    await shipped(places, { epoch: 4 });
    expect(await one.trial()).toBeUndefined();
  });

  test("is not begun where something was written behind the mark", async () => {
    const { keeper: one, places } = keeper();
    await one.ready();
    await one.start(3);
    await shipped(places, { place: { ...mark, seq: 8 } });
    await expect(one.beginTrial("r2")).rejects.toThrow("after the mark");
    expect(await one.trial()).toBeUndefined();
  });
});

test("credentials are handed down again before they expire, and a metadata service that fails is only reported", async () => {
  const clock = new ManualClock();
  const { keeper: one, places } = keeper(clock);
  await one.ready();
  const stop = new AbortController();
  const handing = one.handDown(stop.signal);
  const file = join(places.private, "credentials.json");
  for (expires = 2; expires < 4; expires++) {
    const wanted = new Date(expires).toISOString();
    while (!(await readFile(file, "utf8").catch(() => "")).includes(wanted)) {
      await new Promise((resolve) => setTimeout(resolve, 2));
      await clock.advance(60_000);
    }
  }
  await rm(places.private, { recursive: true });
  expires = 9;
  done.length = 0;
  while (done.length === 0) {
    await new Promise((resolve) => setTimeout(resolve, 2));
    await clock.advance(60_000);
  }
  expect(done[0]).toContain("credentials of what keeps the site's state");
  stop.abort();
  await handing;
});

test("what lies in the app's own folder is linked there by a script, and what was there is kept beside", async () => {
  const home = join(folder, "home");
  await mkdir(join(home, "b"), { recursive: true });
  await writeFile(join(home, "b/c.sqlite3"), "before");
  const places = keptPlaces(join(folder, "it's kept"), join(folder, "keeper"));
  const script = appFolderLinks(places, { ...state, media: "$STATE_DIRECTORY/up loads" });
  // A rehearsal works on a copy, in a folder of its own.
  await execa("sh", ["-s", "rehearsal"], { input: script ?? "", env: { STATE_DIRECTORY: home } });
  expect(await readFile(join(home, "b/c.sqlite3"), "utf8")).toBe("before");
  for (const _ of ["once", "and again"]) {
    await execa("sh", ["-s", "r1"], { input: script ?? "", env: { STATE_DIRECTORY: home } });
    expect(await readlink(join(home, "b/c.sqlite3"))).toBe(`${places.databases}/b/c.sqlite3`);
    expect(await readlink(join(home, "up loads"))).toBe(places.media);
  }
  expect(await readFile(join(home, "b/c.sqlite3.before-state"), "utf8")).toBe("before");
  expect(appFolderLinks(places, { ...state, database: ["a.sqlite3"] })).toBeUndefined();
});
