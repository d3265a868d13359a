import { readDocument } from "../../../agent/site/document.ts";
import { type JobState, jobDocument } from "../../../agent/site/jobs/documents.ts";
import { poll } from "../../../agent/site/poll.ts";
import { WORKER_UNITS } from "../../../agent/system/paths.ts";
import { checkDown, recordBoots, runUp, vanish } from "../acts.ts";
import { change, mustDeploy } from "../deploys.ts";
import type { Rehearsal } from "../rehearsal.ts";
import type { Result } from "../result.ts";
import type { Scenario } from "../scenario.ts";

const MINUTE = 60_000;

export const jobs: Scenario = {
  name: "jobs",
  about:
    "jobs each minute and a worker, through a swap and the loss of an instance: none twice, none forgotten",
  overrides: {
    dns: { drain: 20 },
    schedule: {
      minute: { run: "echo begun; sleep 45; echo ended", at: "minutely", timeout: 55, stop: 5 },
      hangs: { run: 'trap "" TERM; sleep 600', at: "*:0/2", timeout: 10, stop: 2 },
    },
    worker: { queue: { run: "exec sleep 100000", stop: 5 } },
  },
  async run(rehearsal, result) {
    await runUp(rehearsal, result);
    const watch = watchWorkers(rehearsal);
    await ran(rehearsal, 1);
    await rehearsal.pause(secondsTo(10));
    await change(rehearsal, "second");
    const old = await rehearsal.owner();
    await mustDeploy(rehearsal);
    rehearsal.check((await rehearsal.owner()) !== old, "another instance has the site");
    const swapped = (await history(rehearsal, "minute")).length;
    await ran(rehearsal, swapped + 1);
    // In the middle of a run.
    await rehearsal.pause(secondsTo(20));
    const lost = await vanish(rehearsal);
    await rehearsal.bootOfOwner(lost, 180);
    const healed = (await history(rehearsal, "minute")).length;
    await ran(rehearsal, healed + 2);
    await byHand(rehearsal);
    const { overlaps, seen } = await watch.stop();
    rehearsal.check(overlaps.length === 0, `a worker runs on one instance only, but ${overlaps.join("; ")}`);
    rehearsal.check(seen.size === 3, `three instances had the worker, but it was ${[...seen].join(", ")}`);
    for (const name of ["minute", "hangs"]) await checkTimes(rehearsal, result, name);
    await recordBoots(rehearsal, result);
    await checkDown(rehearsal, result);
  },
};

/** Until the next time at which a minute is so old. */
function secondsTo(second: number): number {
  const now = (Date.now() % MINUTE) / 1000;
  return (second - now + 60) % 60;
}

const state = async (rehearsal: Rehearsal, name: string): Promise<JobState | undefined> =>
  (await readDocument(rehearsal.store, jobDocument(name))).value;

const history = async (rehearsal: Rehearsal, name: string): Promise<JobState["history"]> =>
  (await state(rehearsal, name))?.history ?? [];

/** Waits until so many ends of the job each minute are known, whatever they are. */
async function ran(rehearsal: Rehearsal, count: number): Promise<void> {
  await poll(
    `${count} ends of the job`,
    async () => {
      const { length } = await history(rehearsal, "minute");
      return length >= count ? { done: true } : { waiting: String(length) };
    },
    { seconds: 60 * (count + 2), everySeconds: 1 },
  );
}

/** By the shipped command, with output and exit code. */
async function byHand(rehearsal: Rehearsal): Promise<void> {
  await rehearsal.pause(secondsTo(50));
  const done = await rehearsal.cli(["jobs", "run", "minute"], 120);
  rehearsal.check(done.exitCode === 0, `jobs run ends with 0, but it was ${done.exitCode}`);
  const { stdout } = done.json as { stdout?: string };
  rehearsal.check(stdout === "begun\nended\n", `its output comes back, but it was ${JSON.stringify(stdout)}`);
  const listed = await rehearsal.cli(["jobs"], 30);
  const { jobs: rows } = listed.json as { jobs: { job: string; history: unknown[] }[] };
  rehearsal.check(rows.length === 2 && rows.every((row) => row.history.length > 0), "jobs lists both");
}

/** Each minute from the first on is there once, and what was cut off is named as that. */
async function checkTimes(rehearsal: Rehearsal, result: Result, name: string): Promise<void> {
  const all = (await history(rehearsal, name)).filter((one) => one.how === "missed" || one.due !== undefined);
  const first = all[0]?.due ?? "";
  const step = name === "minute" ? MINUTE : 2 * MINUTE;
  const settled = Date.parse((await state(rehearsal, name))?.settled ?? first);
  const running = (await state(rehearsal, name))?.running?.due;
  for (let at = Date.parse(first); at <= settled; at += step) {
    const due = new Date(at).toISOString();
    if (due === running) continue;
    const found = all.filter(
      (one) => one.due === due || (one.how === "missed" && one.due <= due && due <= one.until),
    );
    const fates = found.map(({ how }) => how);
    rehearsal.check(
      fates.length === 1,
      `${name} at ${due}: one end, but it was ${fates.join(", ") || "none"}`,
    );
  }
  const hows = all.map(({ how }) => how);
  const wanted = name === "minute" ? ["done", "interrupted"] : ["timeout"];
  for (const how of wanted)
    rehearsal.check(
      hows.some((one) => one === how),
      `${name}: one is ${how}`,
    );
  result.figures = { ...result.figures, [name]: hows.join(", ") };
}

/** Asks all machines for their workers, over and over. */
function watchWorkers(rehearsal: Rehearsal) {
  const over = new AbortController();
  const overlaps: string[] = [];
  const seen = new Set<string>();
  const { machines } = rehearsal.cloud;
  const run = async (): Promise<void> => {
    while (!over.signal.aborted) {
      const boots = await rehearsal.boots();
      const alive = boots.map(({ instance }) => instance).filter((id) => machines.leader(id) !== undefined);
      const active: string[] = [];
      for (const id of alive) {
        const found = await machines
          .exec(id, "systemctl", ["list-units", "--plain", "--no-legend", "--state=active", WORKER_UNITS])
          .catch(() => ({ stdout: "" }));
        if (found.stdout.trim() !== "") active.push(id);
      }
      for (const id of active) seen.add(id);
      if (active.length > 1) overlaps.push(active.join(" and "));
      await rehearsal.pause(1);
    }
  };
  const running = run();
  return {
    stop: async () => {
      over.abort();
      await running;
      return { overlaps, seen };
    },
  };
}
