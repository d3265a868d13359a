/** What hangs on a real machine: each service of AWS while it boots and on duty, and one of the agent's own watchers. */
import { readFile } from "node:fs/promises";
import path from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import type { BootRecord } from "../../../agent/site/boot-record.ts";
import { poll } from "../../../agent/site/poll.ts";
import { type AgentSite, startAgentSite } from "../agent-site.ts";
import { visit } from "../visit.ts";

const GUESTBOOK = path.resolve(import.meta.dirname, "../../sites/guestbook");
const BOOT_SECONDS = 300;
/** So long that each call is given up three times, and the step with it. */
const BOOT_SILENCE_MS = 50_000;
const DUTY_SILENCE_MS = 20_000;

/** Leaves the promise of the pressure watcher's look open, as long as a file is there. */
const HANG = `import { existsSync } from "node:fs";
import { syncBuiltinESMExports } from "node:module";
import promises from "node:fs/promises";
const { statfs } = promises;
promises.statfs = (...args) => (existsSync("/run/hang") ? new Promise(() => {}) : statfs(...args));
syncBuiltinESMExports();
`;
/** The watcher looks once a minute. */
const DROP_IN = `[Service]
Environment=NODE_OPTIONS=--import=/var/lib/hang.mjs
WatchdogSec=80
`;

let site: AgentSite;
let ca: string;
let instance: string | undefined;
beforeAll(async () => {
  site = await startAgentSite();
  ca = await readFile(site.cloud.rootFile, "utf8");
  await site.publish(GUESTBOOK, "r1");
});
afterAll(async () => {
  site?.cloud.wire.speak();
  await site?.cloud.close();
});

const here = (): string => instance ?? "";
const sh = async (script: string) => {
  const done = await site.cloud.machines.exec(here(), "sh", ["-c", script]);
  return { code: done.exitCode, out: `${done.stdout}${done.stderr}`.trim() };
};
const journal = () => site.cloud.machines.journal(here(), ["--unit=everspot"]);
const show = async (property: string) => (await sh(`systemctl show -P ${property} everspot`)).out;
async function serving(): Promise<BootRecord> {
  try {
    return await site.until(here(), "serving", BOOT_SECONDS);
  } catch (error) {
    throw new Error(`${String(error)}\n${(await journal()).slice(-6000)}`);
  }
}
const addressOf = async () => (await site.record(here()))?.privateAddress ?? "";
const answers = async (address: string) =>
  (await visit({ address, host: "guestbook.example", path: "/healthz", ca })).status;

test("each service of AWS in turn takes calls and answers none while a machine boots: it comes up afterwards", async () => {
  instance = await site.launch();
  for (const service of ["ssm", "ec2", "route53", "s3"]) {
    site.cloud.wire.silence(service);
    await new Promise((resolve) => setTimeout(resolve, BOOT_SILENCE_MS));
    site.cloud.wire.speak(service);
  }
  const record = await serving();
  expect(record.epoch).toBe(1);
  expect(record.attempt).toBeGreaterThan(1);
  expect(await answers(await addressOf())).toBe(200);
  expect(await show("NRestarts")).toBe("0");
}, 700_000);

test("the same on duty: the site is served all the time, and what comes then is done afterwards", async () => {
  const address = await addressOf();
  for (const service of ["ssm", "ec2", "route53", "s3"]) {
    site.cloud.wire.silence(service);
    await new Promise((resolve) => setTimeout(resolve, DUTY_SILENCE_MS));
    expect(await answers(address)).toBe(200);
    site.cloud.wire.speak(service);
  }
  // Another machine takes over, and the first sees it: its watchers look again.
  const second = await site.launch();
  const first = here();
  instance = second;
  expect((await serving()).epoch).toBe(2);
  await site.until(first, "forwarding", 60);
  instance = first;
  expect(await show("NRestarts")).toBe("0");
  instance = second;
}, 900_000);

test("a watcher whose promise is left open: systemd starts the agent again, and it goes on", async () => {
  instance ??= await site.launch();
  await serving();
  await sh(`cat >/var/lib/hang.mjs <<'END'\n${HANG}END
mkdir -p /etc/systemd/system/everspot.service.d
cat >/etc/systemd/system/everspot.service.d/hang.conf <<'END'\n${DROP_IN}END
systemctl daemon-reload && systemctl restart everspot`);
  await serving();
  // Fed for longer than the watchdog waits.
  await new Promise((resolve) => setTimeout(resolve, 100_000));
  expect(await show("NRestarts")).toBe("0");

  await sh("touch /run/hang");
  await poll(
    "the watchdog",
    async () => ((await show("NRestarts")) === "1" ? { done: true } : { waiting: await show("NRestarts") }),
    { seconds: 300, everySeconds: 1 },
  );
  await sh("rm /run/hang");
  expect(await answers(await addressOf())).toBe(200);
  expect(await journal()).toMatch(/Watchdog timeout/);
  await poll(
    "a duty again",
    async () =>
      (await journal()).split("Watchdog timeout")[1]?.includes("on duty")
        ? { done: true }
        : { waiting: "boot" },
    { seconds: 120, everySeconds: 1 },
  );
  await new Promise((resolve) => setTimeout(resolve, 40_000));
  expect(await show("NRestarts")).toBe("1");
  expect(await answers(await addressOf())).toBe(200);
}, 900_000);
