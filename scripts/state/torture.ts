import { systemClock } from "../../agent/site/clock.ts";
import { faults } from "./faults.ts";
import type { Programs } from "./instance.ts";
import type { Verdict } from "./ledger.ts";
import { randomOf } from "./random.ts";
import type { Series } from "./series.ts";
import { StateSite } from "./site.ts";

export interface TortureOptions extends Omit<Series, "moments" | "hours"> {
  programs: Programs;
  durability: "fast" | "s3";
  /** Goes on for so long instead, with as many of the ones as of the others. */
  hours?: number | undefined;
  /** Which of the faults; undefined: all. */
  only?: readonly string[] | undefined;
  clients: number;
  /** Milliseconds that a client thinks between two requests. */
  thinks?: number | undefined;
  /** Moments of the history that are restored in the end. */
  moments?: number | undefined;
  /** Whether each instance has a disk of its own, which can be full: in a sandbox. */
  disks?: boolean | undefined;
  say: (line: string) => void;
}

export interface Tortured {
  verdict: Verdict;
  /** Seconds: from the end of the old to the first answer of the new. */
  handOvers: number[];
  takeovers: number[];
  /** How often each fault was played. */
  played: Record<string, number>;
  /** Writes acknowledged by owners after they had been stopped for a while; and how many of them are lost. */
  late: { acknowledged: number; lost: number };
  /** Of each power cut, seconds: how long before it the oldest write was acknowledged that is lost; 0: none is. */
  losses: number[];
  moments: { restored: number; wrong: string[] };
}

/** Seconds of the past that are kept, when moments of it are restored. */
const HISTORY = 24 * 3600;

/** Hand-overs and faults under load; then what is in the bucket, against what visitors were answered. */
export async function torture(options: TortureOptions): Promise<Tortured> {
  const { programs, durability, kills, clients, seed, say, moments = 0, disks = false, thinks } = options;
  const random = randomOf(seed);
  const playable = faults.filter(
    ({ name, needs }) =>
      (options.only === undefined || options.only.includes(name)) && (needs !== "a disk of its own" || disks),
  );
  const site = await StateSite.start(programs, {
    durability,
    disks,
    lines: true,
    history: moments > 0 ? HISTORY : 0,
  });
  const done = { handOvers: [] as number[], takeovers: [] as number[], played: {} as Record<string, number> };
  /** When the power went, and when another was open. */
  const cuts: { at: number; open: number }[] = [];
  try {
    await site.take();
    site.visit(clients, thinks === undefined ? {} : { thinks });
    const begun = performance.now();
    const until = begun + (options.hours ?? 0) * 3_600_000;
    const all = options.hours === undefined ? options.handOvers + kills : Number.POSITIVE_INFINITY;
    let left = options.handOvers;
    let next = Math.floor(random() * playable.length);
    for (let i = 0; i < all && (all < Number.POSITIVE_INFINITY || performance.now() < until); i++) {
      await systemClock.sleep(200 + 1200 * random());
      const planned = options.hours === undefined ? left / (all - i) : 0.5;
      if (random() < planned) {
        left--;
        done.handOvers.push(await site.handOver());
      } else {
        const fault = playable[next++ % playable.length];
        if (fault === undefined) throw new Error("no fault is to be played");
        const at = performance.now();
        const { taken } = await fault.play(site, random);
        done.played[fault.name] = (done.played[fault.name] ?? 0) + 1;
        if (taken !== undefined) {
          done.takeovers.push(taken);
          cuts.push({ at: Math.max(site.powerCut, at), open: performance.now() });
        }
      }
      if ((i + 1) % 10 === 0)
        say(
          `${i + 1}${options.hours === undefined ? ` of ${all}` : ""}: ${site.ledger.acknowledged.size} writes acknowledged`,
        );
    }
    await systemClock.sleep(300);
    await site.leave();
    const ended = performance.now();
    const verdict = await site.check();
    const rows = verdict.lost.filter((row) => !site.ledger.late.has(row));
    const at = rows.map((row) => site.ledger.acknowledged.get(row) ?? 0);
    const losses = cuts.map((cut, i) => {
      const since = cuts[i - 1]?.open ?? 0;
      // An answer may be read a moment after the power went.
      const lost = at.filter((ms) => ms > since && ms <= cut.open);
      return lost.length === 0 ? 0 : Math.max(0.001, (cut.at - Math.min(...lost)) / 1000);
    });
    const late = { acknowledged: site.ledger.late.size, lost: verdict.lost.length - rows.length };
    const wrong: string[] = [];
    for (let i = 0; i < moments; i++) {
      const moment = begun + (ended - begun) * random();
      const { integrity, missing, early } = await site.checkMoment(moment);
      if (integrity === "ok" && missing.length + early.length === 0) continue;
      const when = new Date(performance.timeOrigin + moment).toISOString();
      wrong.push(`${when}: ${integrity}, ${missing.length} missing, ${early.length} too early`);
    }
    return { ...done, verdict, losses, late, moments: { restored: moments, wrong } };
  } finally {
    await site.close();
  }
}
