/**
 * A site that speaks ASGI, as an instance serves it: Django with Channels, gunicorn and uvicorn with the settings and the
 * command of its unit, nginx with the agent's configuration. Its WebSockets and events through a swap and a hand-over; and
 * what nginx decides before the app: maintenance, limits, names, headers.
 */
import { cp, mkdir, mkdtemp, readFile, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { execa } from "execa";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { renderForward } from "../../agent/handover/forward-config.ts";
import { layOutMaintenance } from "../../agent/machine/maintenance.ts";
import { appEnvironment } from "../../agent/serving/app-environment.ts";
import { drained } from "../../agent/serving/drain.ts";
import { gunicornConfig } from "../../agent/serving/gunicorn-config.ts";
import { askHealth } from "../../agent/serving/health.ts";
import { systemClock } from "../../agent/site/clock.ts";
import { poll } from "../../agent/site/poll.ts";
import { pointLink } from "../../agent/system/files.ts";
import { bootConfigOf } from "../../provisioner/config/boot-config.ts";
import { loadConfig } from "../../provisioner/config/load.ts";
import { openEvents, openWebSocket, type Site } from "../../scripts/rehearsal/live-visitor.ts";
import { type Front, startFront } from "./front.ts";
import { type Visit, visit } from "./visit.ts";

const CHAT = path.resolve(import.meta.dirname, "../sites/chat");
const UNIT = path.resolve(import.meta.dirname, "../../user-data/units/everspot-app@.service");
const NAME = "chat.example";
const OTHER = "www.chat.example";
/** Of the machine that serves, and of the one that takes the site over. */
const [ADDRESS, NEXT] = ["127.0.0.33", "127.0.0.34"];
const HEADERS = { "X-Frame-Options": "DENY" };
const HSTS = "max-age=3600";

let folder: string;
let front: Front;
let next: Front;
let site: Site;
const apps = new Map<string, Awaited<ReturnType<typeof startApp>>>();
const socketOf = (id: string) => path.join(folder, `${id}.sock`);

beforeAll(async () => {
  folder = await mkdtemp(path.join(tmpdir(), "live-"));
  await execa("chmod", ["a+rx", folder]);
  const fixed = path.join(folder, "dist");
  await mkdir(fixed);
  await writeFile(path.join(fixed, "app.js"), "of a second folder");
  await execa("chmod", ["-R", "a+rX", fixed]);
  for (const id of ["r1", "r2"]) apps.set(id, await startApp(id));
  await symlink(socketOf("r1"), path.join(folder, "app.sock"));
  const change = {
    ...{ names: [NAME, OTHER], redirectTo: NAME, live: true, headers: HEADERS, maxBody: 1 },
    paths: [{ path: "/upload/", maxBody: 3 }],
  };
  front = await startFront(ADDRESS, NAME, (_, response) => response.end(), {
    ...{ ...change, socket: path.join(folder, "app.sock") },
    static: [
      { url: "/static/", folder: path.join(folder, "none"), before: path.join(folder, "none") },
      { url: "/assets/", folder: fixed, before: path.join(folder, "none") },
    ],
  });
  next = await startFront(NEXT, NAME, (_, response) => response.end(), { ...change, socket: socketOf("r2") });
  site = { address: ADDRESS, host: NAME, ca: front.chain };
});
afterAll(async () => {
  await front?.close();
  await next?.close();
  for (const app of apps.values()) await app.end();
  await rm(folder, { recursive: true, force: true });
});

/** As its unit starts it, by the very command. */
async function startApp(id: string) {
  const release = path.join(folder, id);
  await cp(CHAT, release, { recursive: true });
  await mkdir(path.join(folder, `run-${id}`));
  const config = bootConfigOf(await loadConfig(path.join(CHAT, "everspot.toml")), {
    ...{ account: "123456789012", zone: "Z0123456789", agent: "a".repeat(64) },
  });
  const settings = path.join(folder, `${id}.gunicorn.py`);
  await writeFile(settings, gunicornConfig);
  const lines = appEnvironment(config, id, release, {}).matchAll(/^(\w+)="(.*)"$/gm);
  const env: Record<string, string> = {
    ...Object.fromEntries([...lines].map(([, name, value]) => [name, value])),
    RUNTIME_DIRECTORY: path.join(folder, `run-${id}`),
  };
  const [command = "", ...words] =
    /^ExecStart=(.*)$/m
      .exec(await readFile(UNIT, "utf8"))?.[1]
      ?.replace("/run/everspot/environment/%i.gunicorn.py", settings)
      .replace("/run/everspot-app/%i/app.sock", socketOf(id))
      .replace(/\$\{(\w+)\}/g, (_, name: string) => env[name] ?? "")
      .split(" ") ?? [];
  const child = execa(command, words, { cwd: release, env, reject: false, detached: true });
  await poll(
    id,
    async () => {
      const { seen, ok } = await askHealth(socketOf(id), "/", NAME);
      return ok ? { done: true } : { waiting: seen };
    },
    { seconds: 15, everySeconds: 0.1 },
  );
  return {
    signal: (name: NodeJS.Signals) => child.kill(name),
    end: async () => {
      // Its workers, too.
      if (child.pid !== undefined) process.kill(-child.pid, "SIGKILL");
      await child;
    },
  };
}

const ask = (where: string, more: Partial<Visit> = {}) =>
  visit({ address: ADDRESS, host: NAME, ca: front.chain, path: where, ...more });

/** Visitors that come all the while; one that gets anything but an answer of the app is reported. */
async function visitorsDuring(work: () => Promise<void>): Promise<string[]> {
  const over = new AbortController();
  const lost: string[] = [];
  const coming = (async () => {
    while (!over.signal.aborted) {
      const seen = await ask("/").catch((error: Error) => ({ status: 0, body: error.message }));
      if (seen.status !== 200) lost.push(`${seen.status} ${seen.body}`);
    }
  })();
  try {
    await work();
  } finally {
    over.abort();
    await coming;
  }
  return lost;
}

test("an app learns by whom it is asked, and how; what it sends is passed on as it comes", async () => {
  expect((await ask("/")).body).toBe("r1 127.0.0.1 https 0\n");
  const [ann, ben] = [await openWebSocket(site, "/room/"), await openWebSocket(site, "/room/")];
  expect(await ann.next()).toBe("r1 127.0.0.1 wss");
  expect(await ben.next()).toBe("r1 127.0.0.1 wss");
  ann.say("hello");
  expect([await ann.next(), await ben.next()]).toEqual(["hello", "hello"]);
  ann.end();
  ben.end();
  const events = await openEvents(site, "/ticks/");
  await poll("events", async () => (events.seen.length > 4 ? { done: true } : { waiting: "none" }), {
    ...{ seconds: 5, everySeconds: 0.05 },
  });
  expect(events.seen[0]?.text).toBe("data: r1 0\n\n");
  expect((events.seen[4]?.at ?? 0) - (events.seen[0]?.at ?? 0)).toBeGreaterThan(250);
  events.end();
});

test("no other protocol is switched to", async () => {
  const seen = await ask("/", { headers: { connection: "Upgrade, HTTP2-Settings", upgrade: "h2c" } });
  expect(seen).toMatchObject({ status: 200, body: "r1 127.0.0.1 https 0\n" });
});

test("a swap: WebSockets are closed with 1012 within two seconds, and come again to the new release; no one is lost", async () => {
  const ann = await openWebSocket(site, "/room/");
  await ann.next();
  const events = await openEvents(site, "/ticks/");
  let seconds = Number.NaN;
  const lost = await visitorsDuring(async () => {
    await pointLink(path.join(folder, "app.sock"), socketOf("r2"));
    const begun = performance.now();
    expect(await drained(socketOf("r1"), { seconds: 5, live: true }, systemClock)).toBe(true);
    apps.get("r1")?.signal("SIGTERM");
    expect(await ann.closed).toBe(1012);
    seconds = (performance.now() - begun) / 1000;
    const again = await openWebSocket(site, "/room/");
    expect(await again.next()).toMatch(/^r2 /);
    again.end();
    // A stream of events may come to its end where it began.
    const before = events.seen.length;
    await delay(500);
    expect(events.seen.length).toBeGreaterThan(before);
    events.end();
  });
  expect(lost).toEqual([]);
  expect(seconds).toBeLessThan(2);
});

test("a hand-over: they are asked to come again, and come to the new owner through this machine", async () => {
  const ann = await openWebSocket(site, "/room/");
  await ann.next();
  const at = (file: string) => path.join(folder, file);
  const { socket, marker } = front.site.forwarding;
  await writeFile(
    at("forward.conf"),
    renderForward({
      ...{ socket, pid: at("forward.pid"), log: at("forward.log"), timeout: 10, live: true },
      ...{ to: { address: NEXT, port: front.site.forwardPort }, app: undefined },
    }),
  );
  const forwarder = execa("nginx", ["-c", at("forward.conf")], { reject: false });
  try {
    await poll(
      "the forwarder",
      async () => ((await askHealth(socket, "/", NAME)).ok ? { done: true } : { waiting: "no answer" }),
      { seconds: 5, everySeconds: 0.05 },
    );
    await writeFile(marker, "");
    // As the agent reloads its unit then.
    const begun = performance.now();
    apps.get("r2")?.signal("SIGHUP");
    expect(await ann.closed).toBe(1012);
    expect(performance.now() - begun).toBeLessThan(2_000);
    const again = await openWebSocket(site, "/room/");
    expect(await again.next()).toBe("r2 127.0.0.1 wss");
    again.say("across");
    expect(await again.next()).toBe("across");
    again.end();
    const events = await openEvents(site, "/ticks/");
    await poll("events", async () => (events.seen.length > 2 ? { done: true } : { waiting: "none" }), {
      ...{ seconds: 5, everySeconds: 0.05 },
    });
    events.end();
  } finally {
    await rm(marker, { force: true });
    forwarder.kill("SIGTERM");
    await forwarder;
  }
});

describe("maintenance", () => {
  beforeAll(() =>
    layOutMaintenance(front.site.maintenance, {
      ...{ on: true, allow: ["127.0.3.7"], page: "<h1>Soon</h1>" },
    }),
  );
  afterAll(() => layOutMaintenance(front.site.maintenance, { on: false, allow: [] }));

  test.each(["/", "/upload/", "/assets/app.js", "/none?x=1"])("visitors get the page: %s", async (where) => {
    const seen = await ask(where, where === "/upload/" ? { method: "POST", body: "x" } : {});
    expect(seen).toMatchObject({ status: 503, body: "<h1>Soon</h1>" });
    expect(seen.headers).toMatchObject({
      ...{ "retry-after": "300", "cache-control": "no-store", "content-type": "text/html; charset=utf-8" },
      ...{ "strict-transport-security": HSTS, "x-frame-options": "DENY" },
    });
  });

  test("a WebSocket is none", async () => {
    await expect(openWebSocket(site, "/room/")).rejects.toThrow("HTTP 503");
  });

  test.each([
    ["an address that may", "127.0.3.7"],
    ["this machine itself", ADDRESS],
  ])("%s sees the site", async (_, from) => {
    expect(await ask("/", { from })).toMatchObject({ status: 200 });
  });

  test("the page is no one's to ask for, and goes with the maintenance", async () => {
    expect((await ask("/.everspot-maintenance", { from: "127.0.3.7" })).status).toBe(404);
    await layOutMaintenance(front.site.maintenance, { on: false, allow: [] });
    expect((await ask("/")).status).toBe(200);
  });
});

test("a path has limits of its own", async () => {
  const body = "x".repeat(2_000_000);
  const send = (where: string) => ask(where, { method: "POST", body });
  expect(await send("/upload/")).toMatchObject({ status: 200, body: "r2 127.0.0.1 https 2000000\n" });
  const refused = await send("/");
  expect(refused.status).toBe(413);
  expect(refused.headers).toMatchObject({ "strict-transport-security": HSTS, "x-frame-options": "DENY" });
});

test("each folder of static files is served; what is not there the app is asked for", async () => {
  const seen = await ask("/assets/app.js");
  expect(seen).toMatchObject({ status: 200, body: "of a second folder" });
  expect(seen.headers["x-frame-options"]).toBe("DENY");
  expect((await ask("/assets/none.js")).status).toBe(404);
  expect((await ask("/static/none.css")).headers["x-frame-options"]).toBe("DENY");
});

test("the other name leads to the one that is to be seen, with the headers of all", async () => {
  const seen = await visit({ address: ADDRESS, host: OTHER, sni: NAME, ca: front.chain, path: "/a?b=c" });
  expect(seen).toMatchObject({ status: 301, headers: { location: `https://${NAME}/a?b=c` } });
  expect(seen.headers).toMatchObject({ "strict-transport-security": HSTS, "x-frame-options": "DENY" });
  const plain = await visit({ address: ADDRESS, host: OTHER, path: "/a" });
  expect(plain).toMatchObject({ status: 301, headers: { location: `https://${NAME}/a` } });
});
