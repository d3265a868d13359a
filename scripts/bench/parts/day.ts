/** What does a machine pay for all that an owner may turn on: a job, a worker, alerts, a budget, threads? */
import { readFile, writeFile } from "node:fs/promises";
import path from "node:path";
import { vanish } from "../../rehearsal/acts.ts";
import { RECEIVER_URL, startReceiver } from "../../rehearsal/receiver.ts";
import type { Rehearsal } from "../../rehearsal/rehearsal.ts";
import { configureSite, type Table } from "../../rehearsal/site.ts";
import type { Visitor } from "../../rehearsal/visitors.ts";
import { agentProcess, residentMemory } from "../agent-process.ts";
import { type Bench, must, type Part, SETTLED, withSite } from "../bench.ts";
import { booted } from "../everspot-boot.ts";
import { type DayFigure, type DaySide, daySides } from "../figures.ts";
import { startAsking } from "../first-answer.ts";
import { round, spread } from "../stats.ts";

const SECRET = "of the receiver alone";
const JOB = "tidy";

/** The log is always kept. The worker loads Django, as those of most sites do. */
const EVERYTHING: Table = {
  app: { threads: 4 },
  schedule: { [JOB]: { run: "python3 manage.py clearsessions", at: "minutely", timeout: 50 } },
  worker: { queue: { run: 'exec python3 manage.py shell -c "import time; time.sleep(1e6)"' } },
  notify: { url: RECEIVER_URL, email: "ann@example.com" },
  budget: { monthly: 10 },
};

/** What the agent is asked for then. */
const RUN = ["run", "--", "python3", "manage.py", "check"];
const USES: Record<DaySide, string[][]> = {
  plain: [RUN],
  full: [RUN, ["jobs", "run", JOB], ["notify", "test"]],
};

interface Turn {
  boot: number;
  /** Undefined where nothing counts it. */
  processor: number | undefined;
  startMB: number;
  mostMB: number;
  bootMB: number;
}

export const day: Part = {
  name: "day",
  about:
    "a replacement and the agent's memory with a job, a worker, alerts, a budget and threads, and without",
  run: (bench, figures) =>
    withSite(bench, {}, async (site) => {
      const tomls = await bothConfigurations(site);
      const receiver = await startReceiver(site, SECRET);
      try {
        await must(site, ["secret", "set", "EVERSPOT_NOTIFY_SECRET"], 60, SECRET);
        await must(site, ["up", "--yes"]);
        await site.untilPackagesAreKept();
        const asking = startAsking(site);
        const turns: Record<DaySide, Turn[]> = { plain: [], full: [] };
        for (let i = 1; i <= bench.runs; i++) {
          for (const side of daySides) {
            await writeFile(tomlOf(site), tomls[side]);
            const turn = await take(bench, site, side, asking);
            turns[side].push(turn);
            bench.say(
              `${side === "full" ? "all of it on" : "plain"}: ${round(turn.boot)} s, ${round(turn.processor ?? Number.NaN)} s of processor time; agent ${round(turn.startMB)} MB after its start, at most ${round(turn.mostMB)} MB`,
            );
          }
          figures.day = figureOf(turns);
        }
        await asking.stop();
      } finally {
        await receiver.close();
      }
    }),
};

const tomlOf = (site: Rehearsal): string => path.join(site.site.folder, "everspot.toml");

async function bothConfigurations(site: Rehearsal): Promise<Record<DaySide, string>> {
  const plain = await readFile(tomlOf(site), "utf8");
  await configureSite(site.site.folder, () => EVERYTHING);
  const full = await readFile(tomlOf(site), "utf8");
  await writeFile(tomlOf(site), plain);
  return { plain, full };
}

/** A replacement that begins with the configuration that is there, and the use of what it turns on. */
async function take(bench: Bench, site: Rehearsal, side: DaySide, asking: Visitor): Promise<Turn> {
  await must(site, ["up", "--yes", "--no-wait"]);
  const { boot, processor } = await booted(site, asking, await vanish(site));
  await site.pause(SETTLED);
  const { pid } = await agentProcess(site.cloud, boot.instance);
  const start = await residentMemory(site.cloud, boot.instance, pid);
  let used = start;
  const grown: string[] = [];
  for (const words of USES[side]) {
    await must(site, words, 60);
    used = await residentMemory(site.cloud, boot.instance, pid);
    grown.push(`${round(used.since)} MB by \`${words.slice(0, 2).join(" ")}\``);
  }
  bench.say(`  the agent had ${round(start.since)} MB at most after its boot, ${grown.join(", ")}`);
  return {
    ...{ boot: boot.seconds, processor },
    ...{ startMB: start.now, mostMB: used.since, bootMB: used.peak },
  };
}

function figureOf(turns: Record<DaySide, readonly Turn[]>): DayFigure {
  const of = (side: DaySide) => {
    const all = (pick: (turn: Turn) => number | undefined) => turns[side].flatMap((turn) => pick(turn) ?? []);
    const processor = all((turn) => turn.processor);
    return {
      boot: spread(all((turn) => turn.boot)),
      ...(processor.length === 0 ? {} : { processor: spread(processor) }),
      startMB: spread(all((turn) => turn.startMB)),
      mostMB: spread(all((turn) => turn.mostMB)),
      bootMB: spread(all((turn) => turn.bootMB)),
    };
  };
  const parts = (pick: (turn: Turn) => number | undefined) =>
    turns.full.flatMap((turn, i) => {
      const [full, plain] = [pick(turn), turns.plain[i] && pick(turns.plain[i])];
      return full === undefined || plain === undefined ? [] : [full / plain];
    });
  const processor = parts((turn) => turn.processor);
  return {
    ...{ plain: of("plain"), full: of("full"), boot: spread(parts((turn) => turn.boot)) },
    ...(processor.length === 0 ? {} : { processor: spread(processor) }),
  };
}
