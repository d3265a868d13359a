/** What is in the bucket is proved before it is served: each fault is named, none is served, the site recovers. */
import { readFile } from "node:fs/promises";
import { describe, expect, test } from "vitest";
import { ensureCertificate, renewIfDue } from "../../../agent/certificate/ensure.ts";
import { keys } from "../../../agent/site/names.ts";
import { DAY, type Fixture, fixture } from "./fixture.ts";

const NAMES = ["example.test"];

type Stored = Record<string, unknown> & { key: string; chain: string };

function newestKey({ store }: Fixture): string {
  return keys.certificate(NAMES, JSON.parse(store.text(keys.certificatePointer(NAMES))).issuances[0].id);
}

/** Changes the newest stored certificate as someone with access to the bucket could. */
function tamper(world: Fixture, change: (stored: Stored) => unknown): void {
  const key = newestKey(world);
  const found = world.store.objects.get(key);
  if (found === undefined) throw new Error("nothing stored");
  const changed = change(JSON.parse(world.store.text(key)));
  const body = typeof changed === "string" ? changed : JSON.stringify(changed);
  world.store.objects.set(key, { ...found, body: new TextEncoder().encode(body) });
}

const now = ({ clock }: Fixture, days: number): Date => new Date(clock.now() + days * DAY);

const blocks = (chain: string): string[] => chain.split(/(?<=END CERTIFICATE-----\n)/);

const FAULTS: [string, (world: Fixture) => (stored: Stored) => unknown, RegExp][] = [
  ["expired", (w) => (s) => ({ ...s, ...w.ca.sign(NAMES, now(w, -90), now(w, -1)) }), /expired at 20/],
  [
    "not valid yet",
    (w) => (s) => ({ ...s, ...w.ca.sign(NAMES, now(w, 1), now(w, 90)) }),
    /not valid before 20/,
  ],
  [
    "for another name",
    (w) => (s) => ({ ...s, ...w.ca.sign(["other.test"], now(w, -1), now(w, 89)) }),
    /for other.test, not for example.test/,
  ],
  [
    "with a foreign key",
    (w) => (s) => ({ ...s, key: w.ca.sign(NAMES, now(w, -1), now(w, 89)).key }),
    /key belongs to another/,
  ],
  ["with no key", () => (s) => ({ ...s, key: "" }), /key cannot be read/],
  [
    "without its issuer",
    () => (s) => ({ ...s, chain: blocks(s.chain)[0] }),
    /lacks the certificate of its issuer/,
  ],
  [
    "with another CA's issuer",
    (w) => (s) => ({
      ...s,
      chain: blocks(s.chain)[0] + (blocks(fixture().ca.sign(NAMES, now(w, 0), now(w, 9)).chain)[1] ?? ""),
    }),
    /does not fit together/,
  ],
  [
    "swapped for another good one",
    (w) => (s) => ({ ...s, ...w.ca.sign(NAMES, now(w, -1), now(w, 89)) }),
    /changed after it was stored/,
  ],
  ["truncated", () => (s) => JSON.stringify(s).slice(0, 700), /truncated/],
  [
    "without a chain",
    () =>
      ({ chain: _, ...s }) =>
        s,
    /damaged: chain/,
  ],
  [
    "from a newer everspot",
    () => (s) => ({ ...s, version: 2 }),
    /a newer everspot wrote it: it has version 2/,
  ],
];

describe.each(FAULTS)("a stored certificate that is %s", (_, change, named) => {
  test("is named and not served; a new one is ordered at boot", async () => {
    const world = fixture();
    const first = await ensureCertificate((await world.machine()).context);
    tamper(world, change(world));
    const boot = await ensureCertificate((await world.machine()).context);
    expect(boot.warnings.join("\n")).toMatch(named);
    expect(boot.source).toBe("issued");
    expect(boot.serial).not.toBe(first.serial);
    const again = await ensureCertificate((await world.machine()).context);
    expect(again).toMatchObject({ source: "stored", serial: boot.serial });
    expect(again.warnings).toEqual([]);
    expect(world.ca.issued).toBe(2);
  });

  test("gives way to the one before it, without asking the CA at boot", async () => {
    const world = fixture();
    const { context } = await world.machine();
    const first = await ensureCertificate(context);
    world.clock.time += 61.5 * DAY;
    await renewIfDue(context);
    tamper(world, change(world));
    const next = await world.machine();
    const boot = await ensureCertificate(next.context);
    expect(boot).toMatchObject({ source: "previous", serial: first.serial });
    expect(boot.warnings.join("\n")).toMatch(named);
    expect(world.ca.issued).toBe(2);
  });
});

test("an object that vanished is named", async () => {
  const world = fixture();
  await ensureCertificate((await world.machine()).context);
  world.store.objects.delete(newestKey(world));
  const boot = await ensureCertificate((await world.machine()).context);
  expect(boot.warnings.join()).toContain("it is not in the bucket");
  expect(boot.source).toBe("issued");
});

test.each([
  ["is not JSON", "{", /not JSON/],
  ["is from a newer everspot", JSON.stringify({ version: 9, nonce: "x" }), /version 9/],
])("a pointer that %s is named; the stored certificate is found all the same", async (_, text, named) => {
  const world = fixture();
  const first = await ensureCertificate((await world.machine()).context);
  const key = keys.certificatePointer(NAMES);
  const found = world.store.objects.get(key);
  if (found === undefined) throw new Error("no pointer");
  world.store.objects.set(key, { ...found, body: new TextEncoder().encode(text) });
  const boot = await ensureCertificate((await world.machine()).context);
  expect(boot.serial).toBe(first.serial);
  expect(boot.warnings.join("\n")).toMatch(named);
  expect(world.ca.orders).toBe(1);
});

test("a ledger that cannot be read means no order, and a self-signed certificate", async () => {
  const world = fixture();
  await world.store.put(keys.certificateLedger(NAMES), JSON.stringify({ version: 7, nonce: "n" }));
  const boot = await ensureCertificate((await world.machine()).context);
  expect(boot.source).toBe("self-signed");
  expect(boot.warnings.join()).toContain("ledger.json (version 7)");
  expect(world.ca.orders).toBe(0);
});

test("a bucket that cannot be reached means no order; the disk's certificate goes on", async () => {
  const world = fixture();
  const { context } = await world.machine();
  const first = await ensureCertificate(context);
  world.store.onRead = () => {
    throw new Error("S3 is away");
  };
  const boot = await ensureCertificate(context);
  expect(boot).toMatchObject({ source: "previous", serial: first.serial });
  expect(boot.warnings.join()).toContain("S3 is away");
  expect(await readFile(boot.key, "utf8")).toContain("PRIVATE KEY");
  const empty = await ensureCertificate((await world.machine()).context);
  expect(empty.source).toBe("self-signed");
  expect(world.ca.orders).toBe(1);
});
