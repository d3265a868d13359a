/** A real journald and the shipped units' settings: nothing that is written is lost unsaid, or kept twice. */
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { cp, mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { afterAll, afterEach, beforeAll, expect, test } from "vitest";
import { poll } from "../../agent/site/poll.ts";
import { bundle } from "../bundle.ts";
import { Logs } from "../cloud/logs.ts";
import { ensureImage } from "../cloud/nspawn/image.ts";
import { type NspawnMachines, nspawnMachines } from "../cloud/nspawn/machines.ts";
import { requireSandbox } from "../cloud/sandbox/sandbox.ts";
import { WireServer } from "../cloud/wire/server.ts";

const root = path.resolve(import.meta.dirname, "../..");
const UNITS = path.join(root, "user-data/units");
const GROUP = "everspot-blog";
const ID = "i-00000000000000001";
/** Lines: far beyond what journald is set to take of a unit that says nothing else. */
const BURST = { lines: 12_000, aSecond: 3_000 };
/** In 30 s. journald takes some times as much, by what the disk has left (burst_modulate in its journald-rate-limit.c). */
const USUAL = 1_000;

let machines: NspawnMachines;
let folder: string;
let program: string;
let server: WireServer;
let cloud: Logs;
let shipper: ChildProcess | undefined;
let said = "";

beforeAll(async () => {
  const proxy = "http://127.0.0.1:9";
  const image = await ensureImage(requireSandbox(), "debian-13", { proxy, progress: console.error });
  machines = nspawnMachines({
    around: { imdsPort: 1338, proxy, aptSettings: {}, environment: {}, certificates: "" },
    image: async () => image,
  });
  folder = await mkdtemp(path.join(tmpdir(), "everspot-logs-"));
  program = await bundle(path.join(root, "test/system/programs/ship.ts"), folder);
  server = new WireServer();
  cloud = new Logs(server, { visibleMs: 500 });
  cloud.groups.create(GROUP, {}, undefined);
  await server.start();
  await machines.start({
    ...{ instanceId: ID, imageId: "ami-1", instanceType: "t3.small", address: "127.0.1.9" },
    ...{ availabilityZone: "us-east-1a", userData: undefined },
  });
  await poll(
    "journald",
    async () => {
      const { stdout } = await machines.exec(ID, "systemctl", ["is-active", "systemd-journald", "dbus"]);
      return stdout === "active\nactive" ? { done: true } : { waiting: stdout };
    },
    { seconds: 60, everySeconds: 0.2 },
  );
  await install();
  ship();
});
afterEach(() => expect(server.faults).toEqual([]));
afterAll(async () => {
  await killed();
  await machines?.close();
  await server?.stop();
  await rm(folder, { recursive: true, force: true });
});

/** Units that write, with the settings of the app's and of nginx's. */
async function install(): Promise<void> {
  const units = path.join(machines.disk(ID), "etc/systemd/system");
  await mkdir(units, { recursive: true });
  for (const drop of ["everspot-.service.d", "nginx.service.d"])
    await cp(path.join(UNITS, drop), path.join(units, drop), { recursive: true });
  await rm(path.join(units, "nginx.service.d/everspot.conf"));
  const limits = await readFile(path.join(UNITS, "nginx.service.d/everspot.conf"), "utf8");
  await writeFile(
    path.join(units, "nginx.service.d/limits.conf"),
    `[Service]\n${limits.match(/^LogRate.*$/gm)?.join("\n")}\n`,
  );
  const program = path.join(machines.disk(ID), "usr/local/lib/burst.py");
  await cp(path.join(root, "test/system/programs/burst.py"), program);
  const unit = (how: string) =>
    `[Service]\nType=exec\nExecStart=/usr/bin/python3 /usr/local/lib/burst.py ${how} ${BURST.lines} ${BURST.aSecond}\n`;
  await writeFile(path.join(units, "everspot-worker-burst@.service"), unit("app"));
  await writeFile(path.join(units, "nginx.service"), unit("nginx"));
  await mkdir(path.join(machines.disk(ID), "etc/systemd/journald.conf.d"), { recursive: true });
  await writeFile(
    path.join(machines.disk(ID), "etc/systemd/journald.conf.d/usual.conf"),
    `[Journal]\nRateLimitIntervalSec=30s\nRateLimitBurst=${USUAL}\n`,
  );
  await sh(
    "systemctl restart systemd-journald; useradd --system --user-group everspot-app; mkdir -p /var/lib/everspot/releases/r1 /run/everspot/environment /var/log/nginx /var/lib/nginx; : > /run/everspot/environment/r1.env; systemctl daemon-reload",
  );
}

async function sh(script: string): Promise<string> {
  const done = await machines.exec(ID, "sh", ["-c", script]);
  if (done.exitCode !== 0) throw new Error(`${script}: ${done.stdout}${done.stderr}`);
  return done.stdout.trim();
}

function ship(): void {
  const leader = String(machines.leader(ID));
  const journal = ["nsenter", "--target", leader, "--all", "--", "journalctl"];
  shipper = spawn(process.execPath, [program, path.join(folder, "logs.json"), ...journal], {
    env: { ...process.env, AWS_ENDPOINT_URL: server.endpoint },
    stdio: ["ignore", "ignore", "pipe"],
  });
  shipper.stderr?.on("data", (bytes: Buffer) => {
    said += bytes.toString();
  });
}

async function killed(): Promise<void> {
  if (shipper === undefined || shipper.exitCode !== null || shipper.signalCode !== null) return;
  shipper.kill("SIGKILL");
  await once(shipper, "exit");
}

const lines = (source: string) =>
  cloud.messages(GROUP, `${source}/`).filter((text) => /^(line|GET) /.test(text));
const came = (source: string, count: number) =>
  poll(
    `${count} lines of ${source}`,
    async () => {
      const found = lines(source).length;
      return found >= count ? { done: true } : { waiting: `${found}; ${said}` };
    },
    { seconds: 60, everySeconds: 0.1 },
  );

test("a burst of an app and of visitors, the agent killed four times meanwhile: each line once, in order", async () => {
  await sh("systemctl start everspot-worker-burst@r1 nginx");
  for (let i = 0; i < 4; i++) {
    await delay(900 + i * 100);
    await killed();
    ship();
  }
  await came("worker/burst", BURST.lines);
  const notTaken = (await sh("until test -e /run/not-taken; do sleep 0.1; done; cat /run/not-taken")).split(
    "\n",
  );
  const written = Array.from({ length: BURST.lines }, (_, i) => i).filter(
    (i) => !notTaken.includes(String(i)),
  );
  // Else there is no burst.
  expect(written.length).toBeGreaterThan(0.95 * BURST.lines);
  await came("access", written.length);
  await delay(1_500);
  expect(lines("worker/burst")).toEqual(Array.from({ length: BURST.lines }, (_, i) => `line ${i}`));
  expect(lines("access")).toEqual(written.map((i) => `GET /${i}`));
  expect(said).toBe("");
});

test("a line that was written 2 s before everything is killed is there", async () => {
  const before = lines("access").length;
  await sh(
    "systemctl stop nginx; systemd-run --unit=nginx-hold /usr/bin/python3 /usr/local/lib/burst.py nginx 1 1",
  );
  await delay(2_000);
  await killed();
  await machines.kill(ID);
  expect(lines("access").slice(before)).toEqual(["GET /0"]);
});
