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
  /** Writes answered by an owner that had been followed by another. */
  zombies: number;
}

/** Every third of the kills leaves a zombie: stopped, followed by another, and let go on. */
const ZOMBIE = 3;

/** Hand-overs and kills under load; then what is in the bucket, against what visitors were told. */
export async function torture(options: TortureOptions): Promise<Tortured> {
  const { programs, durability, kills, clients, seed, say } = options;
  const random = randomOf(seed);
  const site = await StateSite.start(programs, durability);
  const done: Omit<Tortured, "verdict"> = { handOvers: [], takeovers: [], zombies: 0 };
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
        await zombie(site, done, random);
      } else {
        await site.cutPower();
        done.takeovers.push(await site.take());
      }
      if ((i + 1) % 10 === 0) say(`${i + 1} of ${all}: ${site.ledger.acknowledged.size} writes acknowledged`);
    }
    await systemClock.sleep(300);
    await site.leave();
    return { ...done, verdict: await site.check() };
  } finally {
    await site.close();
  }
}

async function zombie(site: StateSite, done: { takeovers: number[]; zombies: number }, random: () => number) {
  const old = site.current;
  if (old === undefined) return;
  old.signal("SIGSTOP");
  site.current = undefined;
  const before = site.ledger.acknowledged.size;
  const visits = site.visitOnly(old, 2 + random());
  const taken = await site.take();
  done.takeovers.push(taken);
  old.signal("SIGCONT");
  await visits;
  done.zombies += site.ledger.acknowledged.size > before ? 1 : 0;
  await old.destroy();
}
