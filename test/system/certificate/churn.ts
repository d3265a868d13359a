/** Machines come and go for a season, some killed at the worst moment; the site's certificate must not notice. */
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { SELF_SIGNED_ISSUER } from "../../../agent/certificate/self-signed.ts";
import { verify } from "../../../agent/certificate/verify.ts";
import { ledgerDocument } from "../../../agent/site/certificates.ts";
import { readDocument } from "../../../agent/site/document.ts";
import { DAY, startWorld, type TestMachine, type World } from "./world.ts";

export interface ChurnReport {
  replacements: number;
  /** Machines killed before they were done. */
  kills: number;
  /** Of those, the ones that left an intent in the ledger without an outcome. */
  killsInIssuance: number;
  /** Where those that were aimed at an issuance fell, e.g. "before 3" for the third write. */
  aimed: string[];
  /** Orders the CA got, and runs of the ACME client by the ledger. */
  orders: number;
  attempts: number;
  issued: number;
  /** Times the CA answered "rate limited". */
  refused: number;
  /** Simulated hours until the first certificate. */
  hoursToFirst: number;
  /** What was wrong, with the day it happened; empty when all was well. */
  problems: string[];
}

export interface ChurnOptions {
  replacements: number;
  days: number;
  /** Of the certificates, in days. */
  lifetime: number;
  /** Share of machines killed at a random time of their boot. */
  bootKills: number;
  /** Share of the machines killed at a random moment of their issuance, if they make one. */
  issuanceKills: number;
  /** Makes the story repeatable, as far as the machine's speed allows. */
  seed: number;
  say?: (line: string) => void;
}

const MINUTE = 60_000;
/** Until the next machine comes after one that was killed: within the dead one's lease, after it, and later. */
const GAPS = [1, 4, 10, 60];
/** As long as there is no certificate: a machine would wait for the lease in real time. */
const FIRST_GAPS = [8, 10, 60];
/** Minutes between the looks of a machine that has no certificate, after the pauses of the ledger. */
const LOOKS = [2, 10, 20, 65, 365];

export async function churn(options: ChurnOptions): Promise<ChurnReport> {
  const world = await startWorld({ lifetime: options.lifetime * DAY });
  const random = generator(options.seed);
  const say = options.say ?? (() => undefined);
  const report: ChurnReport = {
    ...{ replacements: 0, kills: 0, killsInIssuance: 0, aimed: [] },
    ...{ orders: 0, attempts: 0, issued: 0, refused: 0, hoursToFirst: 0, problems: [] },
  };
  const problem = (text: string): void => {
    const line = `day ${(world.clock.shift / DAY).toFixed(1)}: ${text}`;
    report.problems.push(line);
    say(`PROBLEM: ${line}`);
  };
  const counted = new Set<string>();
  let everServed = false;
  let serving: TestMachine | undefined;
  const step = (options.days / options.replacements) * DAY;
  /** Whoever is served must be served well, now. */
  const look = async (machine: TestMachine, when: string): Promise<void> => {
    const seen = await served(machine, world);
    if (seen === undefined) {
      if (!everServed) report.hoursToFirst = Math.round(world.clock.shift / 360_000) / 10;
      everServed = true;
    } else if (everServed) problem(`${when}: ${seen}`);
  };
  try {
    for (; report.replacements < options.replacements; report.replacements++) {
      world.clock.shift = Math.max(world.clock.shift, report.replacements * step);
      if (serving !== undefined && everServed) await look(serving, "at its end");
      let machine = await world.machine();
      let life = await live(machine, random, options);
      while (life.killed) {
        report.kills++;
        const open = await openAttempts(world, machine.context.instance, counted);
        if (open > 0) {
          report.killsInIssuance++;
          report.aimed.push(life.moment);
          say(`day ${(world.clock.shift / DAY).toFixed(1)}: killed in an issuance, ${life.moment}`);
        }
        const gaps = everServed ? GAPS : FIRST_GAPS;
        world.clock.shift += (gaps[Math.floor(random() * gaps.length)] ?? 1) * MINUTE;
        machine =
          random() < 0.5
            ? await world.machine({ instance: machine.context.instance, disk: machine.disk })
            : await world.machine();
        life = await live(machine, random, options);
      }
      if (life.problem !== "") problem(life.problem);
      // Whoever began without a certificate goes on looking, as the owner does every minute.
      for (const gap of LOOKS) {
        if ((await served(machine, world)) === undefined) break;
        world.clock.shift += gap * MINUTE;
        await machine.run("renew");
      }
      await look(machine, "after its boot");
      serving = machine;
      say(`day ${(world.clock.shift / DAY).toFixed(1)}: ${life.told}`);
    }
    if (!everServed) problem("there never was a certificate");
    const ledger = await readDocument(world.store, ledgerDocument(["example.test"]));
    report.attempts = Object.values(ledger.value?.directories ?? {}).flat().length;
    report.orders = world.ca.books.orders.length;
    report.issued = world.ca.books.issuances.length;
    report.refused = world.ca.books.refusals.length;
    report.problems.push(...world.cloud.faults().map(String));
    return report;
  } finally {
    await world.close();
  }
}

type Life = { killed: true; moment: string } | { killed: false; told: string; problem: string };

/** One machine, with a chance to be killed at some time, and one to be killed in the issuance it may make. */
async function live(machine: TestMachine, random: () => number, options: ChurnOptions): Promise<Life> {
  const inBoot = random() < options.bootKills;
  // Most boots are over in half a second; those that order take several.
  const time = random() ** 3 * 4000;
  const inIssuance = random() < options.issuanceKills;
  const moment = momentOf(random);
  const running = machine.run("life", inIssuance ? moment : "never");
  if (inBoot) {
    await Promise.race([running, delay(time)]);
    running.kill("SIGKILL");
  }
  const { signal, exitCode, stdout, stderr } = await running;
  if (signal === "SIGKILL") {
    // Requests of a certbot that just died may still be on their way.
    await delay(300);
    return { killed: true, moment: inIssuance && !inBoot ? moment : "at some time" };
  }
  return { killed: false, told: stdout, problem: exitCode === 0 ? "" : stderr.slice(-500) };
}

/** Before and after every write of an issuance (5 for a first one) and around the order at the CA. */
function momentOf(random: () => number): string {
  const around = ["before order", "after order", `in order ${Math.floor(random() * 4000)}`];
  const writes = [1, 2, 3, 4, 5].flatMap((n) => [`before ${n}`, `after ${n}`]);
  const all = [...around, ...writes];
  return all[Math.floor(random() * all.length)] ?? "before order";
}

/** Intents of an instance that have no outcome, each told once. */
async function openAttempts(world: World, instance: string, counted: Set<string>): Promise<number> {
  const { value } = await readDocument(world.store, ledgerDocument(["example.test"]));
  const open = Object.values(value?.directories ?? {})
    .flat()
    .filter((a) => a.by === instance && a.outcome === undefined && !counted.has(a.id));
  for (const { id } of open) counted.add(id);
  return open.length;
}

/** @returns why what is served is not valid; undefined when it is. */
async function served(machine: TestMachine, world: World): Promise<string | undefined> {
  const folder = join(machine.context.folder, "current");
  const [key, chain] = await Promise.all([
    readFile(join(folder, "privkey.pem"), "utf8"),
    readFile(join(folder, "fullchain.pem"), "utf8"),
  ]);
  const verdict = verify(key, chain, [machine.context.config.domain], new Date(world.clock.now()));
  if ("problem" in verdict) return verdict.problem;
  return verdict.facts.issuer === SELF_SIGNED_ISSUER ? "it is self-signed" : undefined;
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
