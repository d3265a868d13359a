/** How fast is what a site has written safe, and how fast is it back; the same of Litestream against the same S3. */
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { execa } from "execa";
import { messageOf } from "../../../agent/site/errors.ts";
import type { Programs } from "../../state/instance.ts";
import { everspot, type Kept, litestream } from "../../state/keepers.ts";
import { large } from "../../state/large.ts";
import { longLog } from "../../state/long-log.ts";
import { losses } from "../../state/loss.ts";
import { handOvers, idle, latencies, restores, takeovers } from "../../state/measures.ts";
import { larger } from "../../state/memory.ts";
import { bareOutage, type How, outage } from "../../state/outage.ts";
import { buildPrograms } from "../../state/programs.ts";
import type { Bench, Part } from "../bench.ts";
import type { Absent, Figures, KeeperFigures } from "../figures.ts";
import { round, spread } from "../stats.ts";

/**
 * A quiet site, and one that writes for longer than everspot may write at once: it settles at about a PUT a second, and what
 * a power cut takes depends on where in that second it comes. `cuts`: for each run of the bench.
 */
const WRITING = [
  { pace: 2, seconds: 2, cuts: 4 },
  { pace: 100, seconds: 8, cuts: 8 },
];
const HOW: readonly How[] = ["answers 503", "never answers"];
const OUTAGE_SECONDS = 60;
const ENTRIES = 10_000;

export const state: Part = {
  name: "state",
  about:
    "writes that wait for the bucket, what a power cut takes, restores and hand-overs; beside Litestream",
  async run(bench, figures) {
    // Sockets lie in it, whose paths may not be long.
    const folder = await mkdtemp(path.join(tmpdir(), "s-"));
    try {
      await measure(bench, folder, figures);
    } finally {
      await rm(folder, { recursive: true, force: true });
    }
  },
};

async function measure(bench: Bench, folder: string, figures: Figures): Promise<void> {
  const programs = await buildPrograms(folder);
  const at = (name: string) => path.join(folder, name);
  const own = await measured(bench, folder, everspot(programs));
  const other = await peer(bench, folder);
  figures.state = { everspot: own, litestream: "absent" in other ? other : other.figures };
  await outages(bench, folder, programs, figures.state, "absent" in other ? undefined : other.kept);
  for (const clients of [1, 8]) {
    const { took, put, memory } = await latencies(programs, at(`s3-${clients}`), { clients, seconds: 8 });
    const of = (part: number) => round(took.toSorted((a, b) => a - b)[Math.floor(took.length * part)] ?? 0);
    const figure = { clients, median: of(0.5), slowest: of(0.99), put };
    own.waits = [...(own.waits ?? []), figure];
    own.memory = larger(own.memory, memory);
    bench.say(
      `"s3", ${clients} clients: median ${figure.median} ms, slowest in a hundred ${figure.slowest} ms, a PUT ${put} ms`,
    );
  }
  await owners(bench, programs, own);
  own.longLog = [{ entries: ENTRIES, ...(await longLog(programs, at("long-log"), ENTRIES)) }];
  for (const { entries, seconds, resident } of own.longLog) {
    bench.say(`${entries} entries behind a base are back in ${round(seconds)} s, ${round(resident)} MB`);
  }
  own.large = await large(programs, at("large"), { transaction: 500, vacuum: 200 });
  for (const { what, megabytes, resident, seconds } of own.large) {
    bench.say(
      `${what} of ${megabytes} MB: ${round(resident)} MB resident, in the bucket after ${round(seconds)} s`,
    );
  }
}

/** All at once: they wait nearly all of the time. */
async function outages(
  bench: Bench,
  folder: string,
  programs: Programs,
  { everspot: own, litestream: other }: NonNullable<Figures["state"]>,
  peer: Kept | undefined,
): Promise<void> {
  const at = (name: string, how: How) => path.join(folder, `${name}-${how.replaceAll(" ", "-")}`);
  const [mine, theirs] = await Promise.all([
    Promise.all(HOW.map((how) => outage(programs, at("outage", how), how, OUTAGE_SECONDS))),
    Promise.all(HOW.flatMap((how) => (peer ? [bareOutage(peer, at("peer", how), how, OUTAGE_SECONDS)] : []))),
  ]);
  own.outages = mine;
  if ("loss" in other) other.outages = theirs;
  for (const { how, lost, told, resumed } of [...mine, ...theirs]) {
    bench.say(
      `S3 ${how} for ${OUTAGE_SECONDS} s: a power cut then takes ${round(lost)} s; told after ${told?.toFixed(1) ?? "–"} s, goes on after ${resumed?.toFixed(2) ?? "–"} s`,
    );
  }
}

async function owners(bench: Bench, programs: Programs, own: KeeperFigures): Promise<void> {
  const handed = await handOvers(programs, 2 * bench.runs);
  own.handOver = spread(handed.map(({ took }) => took));
  own.handOverLongest = spread(handed.map(({ longest }) => longest));
  own.handOverFailed = spread(handed.map(({ failed }) => failed));
  bench.say(
    `hand-over: median ${own.handOver.median} s, at most ${own.handOver.max} s; ${own.handOverFailed.max} requests failed at most`,
  );
  const { seconds, lost } = await takeovers(programs, bench.runs);
  own.takeover = spread(seconds);
  own.takeoverLost = lost;
  bench.say(`take-over from a live owner: median ${own.takeover.median} s, at most ${own.takeover.max} s`);
}

async function measured(bench: Bench, folder: string, kept: Kept): Promise<KeeperFigures> {
  const at = (name: string) => path.join(folder, `${kept.name}-${name}`);
  const { calls, memory } = await idle(kept, at("idle"), 20);
  bench.say(`${kept.name}: ${round(calls)} calls an hour when idle, ${round(memory.resident)} MB resident`);
  const found: KeeperFigures = { idleCallsPerHour: round(calls), memory, loss: [], restore: [] };
  for (const { pace, seconds: first, cuts: each } of WRITING) {
    const { seconds, broken } = await losses(kept, folder, {
      pace,
      seconds: first,
      cuts: each * bench.runs,
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
  for (const megabytes of [1, 100, 1000]) {
    const times = megabytes > 100 ? 1 : bench.runs;
    const all = await restores(kept, at(`restore-${megabytes}`), { megabytes, times });
    const seconds = spread(all.map((one) => one.seconds));
    const resident = Math.max(...all.map((one) => one.resident));
    found.restore.push({ megabytes, seconds, resident });
    bench.say(
      `${kept.name}: ${megabytes} MB are back in ${seconds.median} s, by ${round(resident)} MB of memory`,
    );
  }
  return found;
}

/** Where it could not be brought (see bench/litestream.ts), its figures are missing. */
async function peer(bench: Bench, folder: string): Promise<{ figures: KeeperFigures; kept: Kept } | Absent> {
  try {
    const { stdout } = await execa("litestream", ["version"]);
    bench.say(`Litestream ${stdout.trim()}`);
    const kept = litestream("litestream");
    return { figures: await measured(bench, folder, kept), kept };
  } catch (error) {
    const why = messageOf(error).split("\n", 1)[0] ?? "";
    bench.say(`Litestream is not measured: ${why}`);
    return { absent: why };
  }
}
