/** How much memory does the agent have resident, at the start and after an hour of watching? */
import { mkdir, readFile, writeFile } from "node:fs/promises";
import path from "node:path";
import { poll } from "../../../agent/site/poll.ts";
import type { Rehearsal } from "../../rehearsal/rehearsal.ts";
import { agentProcess, residentMemory } from "../agent-process.ts";
import { type Part, settledReplacement, withSite } from "../bench.ts";
import type { Figures } from "../figures.ts";
import { round, slope } from "../stats.ts";

/** The agent looks for a notice of AWS this often (agent/watch/interruption.ts): the simulated time is counted by it. */
const LOOK_SECONDS = 5;
const LOOKS = 3600 / LOOK_SECONDS;
const TIMES = 120;

export const memory: Part = {
  name: "memory",
  about: "resident memory of the agent after a boot, and over an hour of watching on a clock that hurries",
  run: (bench, figures) =>
    withSite(bench, {}, async (site) => {
      const instance = await settledReplacement(site);
      const { pid } = await agentProcess(site.cloud, instance);
      const atStart = await residentMemory(site.cloud, instance, pid);
      bench.say(
        `resident after the start: ${round(atStart.now)} MB (at most ${round(atStart.peak)} MB so far)`,
      );
      const hour = await hurriedHour(site, instance, bench.say);
      figures.memory = { startMB: round(atStart.now), peakMB: round(atStart.peak), ...hour };
    }),
};

/** Starts the instance's agent again, with a clock that hurries, and watches it for an hour of that clock. */
async function hurriedHour(
  site: Rehearsal,
  instance: string,
  say: (line: string) => void,
): Promise<Omit<NonNullable<Figures["memory"]>, "startMB" | "peakMB">> {
  const { cloud } = site;
  const restarted = Date.now();
  await hurry(site, instance);
  await poll(
    `the agent of ${instance} to serve again`,
    async () => {
      const boot = await site.boot(instance);
      const fresh = boot !== undefined && Date.parse(boot.updated) > restarted;
      return fresh && boot.state === "serving" ? { done: true } : { waiting: boot?.state ?? "no record" };
    },
    { seconds: 60, everySeconds: 0.2 },
  );
  const { pid } = await agentProcess(cloud, instance);
  const asked = () => cloud.imds(instance)?.requests ?? [];
  const looks = () => asked().filter((r) => r.path.endsWith("/spot/instance-action")).length;
  const before = { looks: looks(), metadata: asked().length, aws: site.mark() };
  const samples: { minute: number; MB: number }[] = [];
  for (let seen = 0; seen < LOOKS; seen = looks() - before.looks) {
    const { now } = await residentMemory(cloud, instance, pid);
    samples.push({ minute: round((seen * LOOK_SECONDS) / 60), MB: round(now) });
    await site.pause(LOOK_SECONDS / 10);
  }
  const { now } = await residentMemory(cloud, instance, pid);
  samples.push({ minute: 60, MB: round(now) });
  const perHour = slope(samples.map((s) => ({ x: s.minute / 60, y: s.MB })));
  say(`resident after the hour: ${round(now)} MB, slope ${round(perHour)} MB/h`);
  return {
    afterHourMB: round(now),
    slopeMBPerHour: round(perHour),
    looks: looks() - before.looks,
    requests: { metadata: asked().length - before.metadata, aws: site.mark() - before.aws },
    samples,
  };
}

async function hurry(site: Rehearsal, instance: string): Promise<void> {
  const { machines } = site.cloud;
  const disk = machines.disk(instance);
  const preload = "/var/lib/bench/hurry.mjs";
  await mkdir(path.join(disk, path.dirname(preload)), { recursive: true });
  await writeFile(
    path.join(disk, preload),
    await readFile(path.join(import.meta.dirname, "../hurry.mjs"), "utf8"),
  );
  const unit = path.join(disk, "etc/systemd/system/everspot.service.d");
  await mkdir(unit, { recursive: true });
  const environment = `NODE_OPTIONS=--import=${preload} BENCH_TIMES=${TIMES}`;
  await writeFile(path.join(unit, "bench.conf"), `[Service]\nEnvironment=${environment}\n`);
  await machines.exec(instance, "systemctl", ["daemon-reload"]);
  await machines.exec(instance, "systemctl", ["restart", "everspot.service"]);
}
