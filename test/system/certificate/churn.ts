/** Machines come and go for a season, some killed at the worst moment; the site's certificate must not notice. */
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { SELF_SIGNED_ISSUER } from "../../../agent/certificate/self-signed.ts";
import { verify } from "../../../agent/certificate/verify.ts";
import { DAY, startWorld, type TestMachine, type World } from "./world.ts";

export interface ChurnReport {
  replacements: number;
  /** Machines killed before they were done. */
  kills: number;
  /** Of those, the ones in whose time the CA got an order. */
  killsInIssuance: number;
  orders: number;
  issued: number;
  /** Times the CA answered "rate limited". */
  refused: number;
  /** What was wrong, with the day it happened; empty when all was well. */
  problems: string[];
}

export interface ChurnOptions {
  replacements: number;
  days: number;
  /** Of the certificates, in days. */
  lifetime: number;
  /** Share of machines that are killed at a random moment. */
  kills: number;
  /** Makes the story repeatable. */
  seed: number;
  say?: (line: string) => void;
}

export async function churn(options: ChurnOptions): Promise<ChurnReport> {
  const world = await startWorld({ lifetime: options.lifetime * DAY });
  const random = generator(options.seed);
  const report: ChurnReport = {
    replacements: 0,
    kills: 0,
    killsInIssuance: 0,
    orders: 0,
    issued: 0,
    refused: 0,
    problems: [],
  };
  let everServed = false;
  const step = (options.days / options.replacements) * DAY;
  try {
    for (; report.replacements < options.replacements; report.replacements++) {
      world.clock.shift = Math.max(world.clock.shift, report.replacements * step);
      let machine = await world.machine();
      let result = await live(machine, random, options.kills);
      while (result === "killed") {
        report.kills++;
        if (world.ca.books.orders.length > report.orders) report.killsInIssuance++;
        report.orders = world.ca.books.orders.length;
        // What comes next is a reboot of the same machine, or another one, some minutes later.
        world.clock.shift += 10 * 60_000;
        machine =
          random() < 0.5
            ? await world.machine({ instance: machine.context.instance, disk: machine.disk })
            : await world.machine();
        result = await live(machine, random, options.kills);
      }
      report.orders = world.ca.books.orders.length;
      const day = (world.clock.shift / DAY).toFixed(1);
      if (result.problem !== "") report.problems.push(`day ${day}: ${result.problem}`);
      const issuer = await issuerServed(machine, world);
      if (issuer !== undefined && issuer !== SELF_SIGNED_ISSUER) everServed = true;
      else if (everServed) report.problems.push(`day ${day}: no valid certificate is served (${issuer})`);
      options.say?.(`day ${day}: ${result.told}`);
    }
    report.issued = world.ca.books.issuances.length;
    report.refused = world.ca.books.refusals.length;
    report.problems.push(...world.cloud.faults().map(String));
    return report;
  } finally {
    await world.close();
  }
}

/** One machine, with a chance to be killed at some write to the bucket or at some time; that may come too late. */
async function live(
  machine: TestMachine,
  random: () => number,
  kills: number,
): Promise<"killed" | { told: string; problem: string }> {
  const doomed = random() < kills;
  const atWrite = random() < 0.5;
  const moment = `${random() < 0.5 ? "before" : "after"} ${1 + Math.floor(random() * 5)}`;
  const time = random() * (random() < 0.5 ? 1000 : 6000);
  const running = machine.run("life", doomed && atWrite ? moment : "never");
  if (doomed && !atWrite) {
    await Promise.race([running, delay(time)]);
    running.kill("SIGKILL");
  }
  const { signal, exitCode, stdout, stderr } = await running;
  if (signal === "SIGKILL") {
    // Requests of a certbot that just died may still be on their way.
    await delay(300);
    return "killed";
  }
  return { told: stdout, problem: exitCode === 0 ? "" : stderr.slice(-500) };
}

async function issuerServed(machine: TestMachine, world: World): Promise<string | undefined> {
  const folder = join(machine.context.folder, "current");
  const [key, chain] = await Promise.all([
    readFile(join(folder, "privkey.pem"), "utf8"),
    readFile(join(folder, "fullchain.pem"), "utf8"),
  ]);
  const verdict = verify(key, chain, [machine.context.config.domain], new Date(world.clock.now()));
  return "facts" in verdict ? verdict.facts.issuer : undefined;
}

/** mulberry32: small, and the same everywhere. */
function generator(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  };
}
