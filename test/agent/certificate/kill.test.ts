/** A process that dies before or after any write: whoever comes next serves a valid certificate within budget. */
import { readFile } from "node:fs/promises";
import { describe, expect, test } from "vitest";
import { ensureCertificate, renewIfDue } from "../../../agent/certificate/ensure.ts";
import { type CertificateFacts, verify } from "../../../agent/certificate/verify.ts";
import { certificateLedger, pointerDocument } from "../../../agent/site/certificates.ts";
import { readDocument, updateDocument } from "../../../agent/site/document.ts";
import { keys } from "../../../agent/site/names.ts";
import { DAY, type Fixture, fixture, HOUR, type Machine } from "./fixture.ts";

const NAMES = ["example.test"];

/** Never returns: what runs there is gone. */
const forever = new Promise<never>(() => {});

/**
 * Runs `work`, and kills it at its `point`-th moment: before and after each write to the bucket, before and
 * after the CA is asked. @returns what was about to happen, undefined when the work ended before that point.
 */
async function killedAt(
  { store }: Fixture,
  { client }: Machine,
  point: number,
  work: () => Promise<unknown>,
): Promise<string | undefined> {
  let moment = 0;
  let kill = (_where: string): void => {};
  const killed = new Promise<string>((resolve) => {
    kill = resolve;
  });
  const passing = async (where: string): Promise<void> => {
    if (moment++ < point) return;
    kill(where);
    await forever;
  };
  store.before = (key) => passing(`before writing ${key}`);
  store.after = (key) => passing(`after writing ${key}`);
  client.onOrder = async () => {
    await passing("before asking the CA");
    return undefined;
  };
  client.onIssued = () => passing("after the CA issued");
  const where = await Promise.race([killed, work().then(() => undefined)]);
  store.before = store.after = () => {};
  client.onOrder = () => undefined;
  client.onIssued = () => {};
  return where;
}

/** Whoever comes next; on the same machine with its disk, or on a new one with none. */
async function successor(world: Fixture, dead: Machine, sameDisk: boolean): Promise<Machine> {
  const next = await world.machine(sameDisk ? dead.context.instance : undefined);
  if (!sameDisk) return next;
  next.client.last = dead.client.last;
  return { ...next, context: { ...next.context, folder: dead.context.folder } };
}

/** Pairs that fit together and cover the names stay such; only their time passes. */
const fitting = new Map<string, CertificateFacts>();

async function served(world: Fixture, machine: Machine): Promise<string> {
  const folder = `${machine.context.folder}/current`;
  const [key, chain] = [
    await readFile(`${folder}/privkey.pem`, "utf8"),
    await readFile(`${folder}/fullchain.pem`, "utf8"),
  ];
  const now = new Date(world.clock.now());
  const known = fitting.get(key + chain);
  if (known !== undefined && known.notBefore <= now && now < known.notAfter) return known.serial;
  const verdict = verify(key, chain, NAMES, now);
  if ("problem" in verdict) throw new Error(verdict.problem);
  fitting.set(key + chain, verdict.facts);
  return verdict.facts.serial;
}

/** Every order the CA saw has an intent of its own. */
function expectLedgerCovers(world: Fixture): void {
  const ledger = certificateLedger.parse(JSON.parse(world.store.text(keys.certificateLedger(NAMES))));
  expect(Object.values(ledger.directories).flat().length).toBeGreaterThanOrEqual(world.ca.orders);
  expect(world.ca.refusals).toEqual([]);
}

describe.each([true, false])("killed in the first issuance (same disk afterwards: %s)", (sameDisk) => {
  test("at every moment, the next boot ends with a valid certificate", async () => {
    const seen: string[] = [];
    for (let point = 0; ; point++) {
      const world = fixture();
      const first = await world.machine();
      const where = await killedAt(world, first, point, () => ensureCertificate(first.context));
      const next = await successor(world, first, sameDisk);
      await ensureCertificate(next.context);
      for (let looks = 0; looks < 6; looks++) {
        await renewIfDue(next.context);
        world.clock.time += 4 * 60_000;
      }
      await served(world, next);
      expectLedgerCovers(world);
      const lost =
        where?.startsWith("after the CA") || where?.startsWith("before writing certificates/example.test/v/");
      expect(world.ca.issued, where).toBe(lost && !sameDisk ? 2 : 1);
      if (where === undefined) break;
      seen.push(where.replace(/v\/.*/, "v/…"));
    }
    const c = "certificates/example.test";
    expect(seen).toEqual([
      `before writing ${c}/ledger.json`,
      `after writing ${c}/ledger.json`,
      `before writing ${c}/ledger.json`,
      `after writing ${c}/ledger.json`,
      "before asking the CA",
      "after the CA issued",
      `before writing ${c}/v/…`,
      `after writing ${c}/v/…`,
      `before writing ${c}/current.json`,
      `after writing ${c}/current.json`,
      `before writing ${c}/ledger.json`,
      `after writing ${c}/ledger.json`,
    ]);
  });
});

/** What `everspot certificate --renew` leaves. */
const ask = ({ store, clock }: Fixture) =>
  updateDocument(
    store,
    pointerDocument(NAMES),
    (now, date) => now && { ...now, requested: { by: "ann", at: (date ?? new Date(0)).toISOString() } },
    clock,
  );

describe.each([
  { sameDisk: true, asked: false },
  { sameDisk: false, asked: false },
  { sameDisk: true, asked: true },
  { sameDisk: false, asked: true },
])("killed in a renewal (same disk afterwards: $sameDisk, asked for: $asked)", ({ sameDisk, asked }) => {
  test("at every moment, a valid certificate stays served and the renewal happens in the end", async () => {
    for (let point = 0; ; point++) {
      const world = fixture();
      const first = await world.machine();
      const before = await ensureCertificate(first.context);
      world.clock.time += asked ? DAY : 62 * DAY;
      if (asked) await ask(world);
      const where = await killedAt(world, first, point, () => renewIfDue(first.context));
      const next = await successor(world, first, sameDisk);
      const boot = await ensureCertificate(next.context);
      expect(["stored", "previous"], where).toContain(boot.source);
      for (let looks = 0; looks < 6; looks++) {
        await renewIfDue(next.context);
        await served(world, next);
        world.clock.time += 4 * 60_000;
      }
      expect(await served(world, next), where).not.toBe(before.serial);
      expectLedgerCovers(world);
      expect(world.ca.issued, where).toBeLessThanOrEqual(3);
      const { value } = await readDocument(world.store, pointerDocument(NAMES));
      expect(value?.requested, where).toBeUndefined();
      if (where === undefined) break;
      expect(point).toBeLessThan(20);
    }
  });
});

test("killed in every order for two weeks, the CA never refuses", async () => {
  const world = fixture();
  for (let boot = 0; boot < 112; boot++) {
    const machine = await world.machine();
    const killed = new Promise((resolve) => {
      machine.client.onIssued = () => {
        resolve("killed");
        return forever;
      };
    });
    await Promise.race([killed, ensureCertificate(machine.context)]);
    world.clock.time += 3 * HOUR;
  }
  expect(world.ca.refusals).toEqual([]);
  expect(world.ca.issued).toBe(8);
});
