import { systemClock } from "../../agent/site/clock.ts";
import type { Programs } from "./instance.ts";
import type { Verdict } from "./ledger.ts";
import { randomOf } from "./random.ts";
import { StateSite } from "./site.ts";

export interface TortureOptions {
  programs: Programs;
  durability: "fast" | "s3";
  handOvers: number;
  kills: number;
  clients: number;
  seed: number;
  say: (line: string) => void;
}

export interface Tortured {
  verdict: Verdict;
  /** Seconds: from the end of the old to the first answer of the new. */
  handOvers: number[];
  takeovers: number[];
  /** Writes acknowledged by owners after they had been stopped for a while; and how many of them are lost. */
  late: { acknowledged: number; lost: number };
  /** Of each power cut, seconds: how long before it the oldest write was acknowledged that is lost; 0: none is. */
  losses: number[];
}

/** Every third of the kills leaves a zombie: stopped, followed by another, and let go on. */
const ZOMBIE = 3;

/** Hand-overs and kills under load; then what is in the bucket, against what visitors were told. */
export async function torture(options: TortureOptions): Promise<Tortured> {
  const { programs, durability, kills, clients, seed, say } = options;
  const random = randomOf(seed);
  const site = await StateSite.start(programs, durability);
  const done = { handOvers: [] as number[], takeovers: [] as number[] };
  /** When the power went, and when another was open. */
  const cuts: { at: number; open: number }[] = [];
  try {
    await site.take();
    site.visit(clients);
    const all = options.handOvers + kills;
    let left = options.handOvers;
    for (let i = 0; i < all; i++) {
      await systemClock.sleep(200 + 1200 * random());
      const planned = random() < left / (all - i);
      if (planned) {
        left--;
        done.handOvers.push(await site.handOver());
      } else if (i % ZOMBIE === 0) {
        const at = performance.now();
        done.takeovers.push(await zombie(site, random));
        cuts.push({ at, open: performance.now() });
      } else {
        const at = await site.cutPower();
        done.takeovers.push(await site.take());
        cuts.push({ at, open: performance.now() });
      }
      if ((i + 1) % 10 === 0) say(`${i + 1} of ${all}: ${site.ledger.acknowledged.size} writes acknowledged`);
    }
    await systemClock.sleep(300);
    await site.leave();
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
    return { ...done, verdict, losses, late };
  } finally {
    await site.close();
  }
}

/** @returns seconds that it took another to take over. */
async function zombie(site: StateSite, random: () => number): Promise<number> {
  const old = site.current;
  if (old === undefined) throw new Error("nobody has the site");
  old.signal("SIGSTOP");
  site.current = undefined;
  const visits = site.visitOnly(old, 2 + random());
  const taken = await site.take();
  old.signal("SIGCONT");
  await visits;
  await old.destroy();
  return taken;
}
