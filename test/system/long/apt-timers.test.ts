/**
 * Debian's own timers for apt, as on the real image: what they run holds the locks of apt and dpkg while an instance
 * boots. The images of other tests have them masked, lest they come at a random moment.
 */
import path from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import type { BootRecord } from "../../../agent/site/boot-record.ts";
import { poll } from "../../../agent/site/poll.ts";
import { type AgentSite, startAgentSite } from "../agent-site.ts";

const GUESTBOOK = path.resolve(import.meta.dirname, "../../sites/guestbook");
/** Seconds after which the locks are let go: first apt's, then dpkg's. */
const HELD = { lists: 15, dpkg: 25 };

/** What the timers start at boot is not long at work on a fresh image, so somebody holds on to the locks as they do. */
const HOLD = `import fcntl, time
def lock(*names):
    files = [open('/var/lib/' + name, 'a') for name in names]
    for f in files: fcntl.lockf(f, fcntl.LOCK_EX)
    return files
lists, packages = lock('apt/lists/lock'), lock('dpkg/lock-frontend', 'dpkg/lock')
open('/run/held', 'w').write('yes')
time.sleep(${HELD.lists})
for f in lists: f.close()
time.sleep(${HELD.dpkg - HELD.lists})
open('/run/held-until', 'w').write(str(time.time()))
`;
const BEFORE = `cd /etc/systemd/system
rm -f apt-daily.timer apt-daily-upgrade.timer unattended-upgrades.service
systemctl daemon-reload
printf %s "${HOLD}" > /run/hold.py
systemd-run --quiet --unit hold python3 /run/hold.py
until [ -e /run/held ]; do sleep 0.05; done
systemctl start apt-daily.timer apt-daily-upgrade.timer
systemctl start --no-block unattended-upgrades.service apt-daily.service apt-daily-upgrade.service
cd /
`;

let site: AgentSite;
beforeAll(async () => {
  site = await startAgentSite(undefined, { before: BEFORE });
  await site.publish(GUESTBOOK, "r1");
});
afterAll(async () => {
  await site?.cloud.close();
});

const sh = async (instance: string, script: string): Promise<string> => {
  const { stdout, stderr } = await site.cloud.machines.exec(instance, "sh", ["-c", script]);
  return `${stdout}${stderr}`.trim();
};

/** Of the first boot of an instance, which found the locks held. */
async function boot(): Promise<{ instance: string; record: BootRecord }> {
  const instance = await site.launch();
  const record = await site.until(instance, "serving", 240);
  expect(record).toMatchObject({ attempt: 1, warnings: [], release: "r1" });
  expect(record.steps.filter((s) => s.state !== "done")).toEqual([]);
  const packages = record.steps.find((s) => s.name === "packages") ?? expect.fail("no step");
  const ended = Date.parse(record.started) / 1000 + packages.start + (packages.seconds ?? 0);
  expect(ended).toBeGreaterThan(Number(await sh(instance, "cat /run/held-until")));
  return { instance, record };
}

test("a first boot, from the mirror, waits for both locks and goes on", async () => {
  const { instance, record } = await boot();
  expect(record.steps.find((s) => s.name === "packages")?.detail).toContain("from the mirror");
  const timers = await sh(instance, "systemctl is-active apt-daily.timer apt-daily-upgrade.timer");
  expect(timers).toBe("active\nactive");
  // What they run came to its end as well, beside the agent.
  const done = "systemctl show --value -p Result -p ActiveState apt-daily.service apt-daily-upgrade.service";
  const states = await poll(
    "apt's own services",
    async () => {
      const seen = (await sh(instance, done)).split("\n").filter((line) => line !== "");
      return seen.some((line) => /activ/.test(line) && line !== "inactive")
        ? { waiting: seen.join() }
        : { done: seen };
    },
    { seconds: 180, everySeconds: 1 },
  );
  expect(states).toEqual(["success", "inactive", "success", "inactive"]);
  await poll(
    "the layer",
    async () =>
      (await site.record(instance))?.settled === undefined ? { waiting: "not kept" } : { done: true },
    { seconds: 180, everySeconds: 1 },
  );
});

test("a replacement, from the layer, waits for dpkg's", async () => {
  const { record } = await boot();
  expect(record.steps.find((s) => s.name === "packages")?.detail).toContain("from the bucket");
});
