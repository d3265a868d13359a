/** The CA refuses, fails or is gone; names and directories change; several instances want the same. */
import { setTimeout as delay } from "node:timers/promises";
import { describe, expect, test } from "vitest";
import type { OrderResult } from "../../../agent/certificate/authority.ts";
import { ensureCertificate, renewIfDue } from "../../../agent/certificate/ensure.ts";
import { certificateLedger } from "../../../agent/site/certificates.ts";
import { EverspotError } from "../../../agent/site/errors.ts";
import { keys } from "../../../agent/site/names.ts";
import { ManualClock } from "../../cloud/manual-clock.ts";
import { DAY, DIRECTORY, type Fixture, fixture, HOUR, type Machine } from "./fixture.ts";

const failed = (more: Partial<OrderResult> = {}): OrderResult =>
  ({
    outcome: "failed",
    error: "serverInternal: down",
    lines: [],
    retryAfter: undefined,
    ...more,
  }) as OrderResult;

const attempts = ({ store }: Fixture, names = ["example.test"]) =>
  Object.values(
    certificateLedger.parse(JSON.parse(store.text(keys.certificateLedger(names)))).directories,
  ).flat();

/** Looks once a minute for a while, as the watch loop does. @returns how often the ACME client was run. */
async function watch(
  world: Fixture,
  { context, client }: Machine,
  ms: number,
  every = 60_000,
): Promise<number> {
  const before = client.asked.length;
  for (const end = world.clock.time + ms; world.clock.time < end; world.clock.time += every) {
    await renewIfDue(context).catch((error: unknown) => {
      if (!(error instanceof EverspotError)) throw error;
    });
  }
  return client.asked.length - before;
}

describe("a CA that fails", () => {
  test("is asked after 1 min, 5 min, 15 min, 1 h, 6 h, then daily, never more than 3 times in an hour", async () => {
    const world = fixture();
    const machine = await world.machine();
    const asked: number[] = [];
    const start = world.clock.time;
    machine.client.onOrder = () => {
      asked.push((world.clock.time - start) / 60_000);
      return failed();
    };
    await ensureCertificate(machine.context);
    await watch(world, machine, 90 * 60_000);

    await watch(world, machine, 3 * DAY, 30 * 60_000);
    expect(asked.map(Math.round)).toEqual([0, 1, 6, 60, 120, 480, 1920, 3360]);
  });

  test("and asks to wait is left alone that long", async () => {
    const world = fixture();
    const machine = await world.machine();
    machine.client.onOrder = () =>
      failed({
        error: "rateLimited",
        retryAfter: 5 * HOUR,
      } as Partial<OrderResult>);
    await ensureCertificate(machine.context);
    expect(await watch(world, machine, 5 * HOUR - 120_000, 10 * 60_000)).toBe(0);
    machine.client.onOrder = () => undefined;
    world.clock.time += 10 * 60_000;
    expect((await renewIfDue(machine.context))?.source).toBe("issued");
  });

  test("for the whole rest of a certificate's life: it is served to its end, then self-signed, then new", async () => {
    const world = fixture();
    const machine = await world.machine();
    const first = await ensureCertificate(machine.context);
    machine.client.onOrder = () => failed();
    await watch(world, machine, 89 * DAY, DAY);
    const late = await ensureCertificate((await world.machine()).context);
    expect(late).toMatchObject({ source: "stored", serial: first.serial });
    expect(late.warnings.join()).toMatch(/expires at .* and has not been renewed yet/);
    world.clock.time += 2 * DAY;
    const next = await world.machine();
    next.client.onOrder = () => failed();
    const over = await ensureCertificate(next.context);
    expect(over.source).toBe("self-signed");
    expect(over.warnings.join()).toMatch(/expired at/);
    next.client.onOrder = () => undefined;
    world.clock.time += DAY;
    expect((await renewIfDue(next.context))?.source).toBe("issued");
  });

  test("is an error in the last quarter of the certificate's life, not before", async () => {
    const world = fixture();
    const { context, client } = await world.machine();
    await ensureCertificate(context);
    client.onOrder = () => failed();
    world.clock.time += 62 * DAY;
    expect(await renewIfDue(context)).toBeUndefined();
    world.clock.time += 8 * DAY;
    await expect(renewIfDue(context)).rejects.toThrow("no certificate from ca.test: serverInternal: down");
    expect(await renewIfDue(context)).toBeUndefined();
  });

  test("that never says whether it issued uses up the budget", async () => {
    const world = fixture();
    const machine = await world.machine();
    machine.client.onOrder = () => ({
      outcome: "unknown",
      error: "the answer was lost",
      lines: [],
      retryAfter: undefined,
    });
    await ensureCertificate(machine.context);
    await watch(world, machine, 6 * DAY, HOUR);
    expect(machine.client.asked).toHaveLength(4);
    const served = await ensureCertificate((await world.machine()).context);
    expect(served.warnings.join()).toContain("the 4 certificates of 7 days are used up");
  });

  test("leaves a second directory to ask, which has a ledger of its own", async () => {
    const other = "https://second.test/directory";
    const world = fixture({ fallbackDirectory: other });
    const machine = await world.machine();
    machine.client.onOrder = (order) => (order.directory === DIRECTORY ? failed() : undefined);
    const served = await ensureCertificate(machine.context);
    expect(served.source).toBe("issued");
    expect(machine.client.asked.map((o) => o.directory)).toEqual([DIRECTORY, other]);
    const ledger = certificateLedger.parse(
      JSON.parse(world.store.text(keys.certificateLedger(["example.test"]))),
    );
    expect(ledger.directories[DIRECTORY]).toMatchObject([{ outcome: "failed" }]);
    expect(ledger.directories[other]).toMatchObject([{ outcome: "issued" }]);
    expect(await watch(world, machine, 30 * DAY, DAY)).toBe(0);
    expect(await ensureCertificate((await world.machine()).context)).toMatchObject({ source: "stored" });
  });

  test("is not passed over for the second one while the certificate has time left", async () => {
    const world = fixture({ fallbackDirectory: "https://second.test/directory" });
    const machine = await world.machine();
    await ensureCertificate(machine.context);
    machine.client.onOrder = (order) => (order.directory === DIRECTORY ? failed() : undefined);
    world.clock.time += 62 * DAY;
    expect(await renewIfDue(machine.context)).toBeUndefined();
    world.clock.time += 7 * DAY;
    expect((await renewIfDue(machine.context))?.source).toBe("issued");
    expect(machine.client.asked.at(-1)?.directory).toBe("https://second.test/directory");
  });
});

describe("several instances", () => {
  test("that find the certificate due at the same moment make one order", async () => {
    const world = fixture();
    const machines = [await world.machine(), await world.machine(), await world.machine()];
    await ensureCertificate((await world.machine()).context);
    world.clock.time += 62 * DAY;
    const slow = () => new Promise<undefined>((resolve) => setTimeout(() => resolve(undefined), 50));
    for (const { client } of machines) client.onOrder = slow;
    await Promise.all(machines.map(({ context }) => renewIfDue(context)));
    await Promise.all(machines.map(({ context }) => renewIfDue(context)));
    expect(world.ca.orders).toBe(2);
    const serials = await Promise.all(
      machines.map(async ({ context }) => (await ensureCertificate(context)).serial),
    );
    expect(new Set(serials).size).toBe(1);
  });

  test("that boot together without any certificate make one order and serve the same", async () => {
    const clock = new ManualClock();
    const world = fixture({}, ["example.test"], clock);
    const machines = [await world.machine(), await world.machine(), await world.machine()];
    for (const { client } of machines) client.onOrder = () => clock.sleep(30_000).then(() => undefined);
    let over = false;
    const boots = Promise.all(machines.map(({ context }) => ensureCertificate(context))).finally(() => {
      over = true;
    });
    while (!over) await clock.advance(1000, () => delay(2));
    const served = await boots;
    expect(world.ca.orders).toBe(1);
    expect(new Set(served.map((s) => s.serial)).size).toBe(1);
    expect(served.map((s) => s.source).sort()).toEqual(["issued", "stored", "stored"]);
  });

  test("do not act on an intent that grew old while the machine slept", async () => {
    const world = fixture();
    const machine = await world.machine();
    let writes = 0;
    world.store.after = () => {
      if (++writes === 2) world.clock.time += 10 * 60_000;
    };
    const served = await ensureCertificate(machine.context);
    expect(served.source).toBe("self-signed");
    expect(world.ca.orders).toBe(0);
    expect(attempts(world)).toMatchObject([{ outcome: "unneeded" }]);
  });
});

describe("changed names", () => {
  const renamed = (machine: Machine, aliases: string[]): Machine => ({
    ...machine,
    context: { ...machine.context, config: { ...machine.context.config, aliases } },
  });

  test("are issued once by the owner; the old certificate serves meanwhile, at boot too", async () => {
    const world = fixture();
    const first = await ensureCertificate((await world.machine()).context);
    const next = renamed(await world.machine(), ["www.example.test", "*.example.test"]);
    const boot = await ensureCertificate(next.context);
    expect(boot).toMatchObject({ source: "previous", serial: first.serial });
    expect(boot.warnings.join()).toContain("does not cover www.example.test, *.example.test yet");
    const issued = await renewIfDue(next.context);
    expect(issued).toMatchObject({
      source: "issued",
      names: ["example.test", "www.example.test", "*.example.test"],
    });
    expect(next.client.asked[0]?.earlier?.entries.map((e) => e.path)).toEqual([
      "accounts/a/private_key.json",
    ]);
    expect(await watch(world, next, 10 * DAY, 6 * HOUR)).toBe(0);
    expect(world.ca.issued).toBe(2);
    const again = renamed(await world.machine(), ["*.example.test", "www.example.test"]);
    expect(await ensureCertificate(again.context)).toMatchObject({
      source: "stored",
      serial: issued?.serial,
    });
  });

  test("back and forth cost nothing more", async () => {
    const world = fixture();
    const machine = await world.machine();
    const first = await ensureCertificate(machine.context);
    const wide = renamed(machine, ["www.example.test"]);
    await ensureCertificate(wide.context);
    const second = await renewIfDue(wide.context);
    for (let i = 0; i < 5; i++) {
      await ensureCertificate((await world.machine()).context).then((s) =>
        expect(s.serial).toBe(first.serial),
      );
      const other = renamed(await world.machine(), ["www.example.test"]);
      await ensureCertificate(other.context).then((s) => expect(s.serial).toBe(second?.serial));
      expect(await renewIfDue(other.context)).toBeUndefined();
    }
    expect(world.ca.issued).toBe(2);
  });

  test("to another domain do not serve the old one's certificate", async () => {
    const world = fixture();
    await ensureCertificate((await world.machine()).context);
    const machine = await world.machine();
    machine.context.config = { ...machine.context.config, domain: "new.test" };
    expect(await ensureCertificate(machine.context)).toMatchObject({ source: "issued", names: ["new.test"] });
  });
});

test("another directory in the config is asked at once by the owner, not at boot", async () => {
  const world = fixture();
  const first = await ensureCertificate((await world.machine()).context);
  const machine = await world.machine();
  const certificate = {
    ...machine.context.config.certificate,
    directory: "https://production.test/directory",
  };
  machine.context.config = { ...machine.context.config, certificate };
  expect(await ensureCertificate(machine.context)).toMatchObject({
    source: "previous",
    serial: first.serial,
  });
  expect(await renewIfDue(machine.context)).toMatchObject({ source: "issued" });
  expect(await renewIfDue(machine.context)).toBeUndefined();
});

test("an operator's wish for a new certificate is granted once", async () => {
  const world = fixture();
  const machine = await world.machine();
  await ensureCertificate(machine.context);
  world.clock.time += DAY;
  const key = keys.certificatePointer(["example.test"]);
  const pointer = JSON.parse(world.store.text(key));
  await world.store.put(
    key,
    JSON.stringify({ ...pointer, requested: { by: "ann", at: new Date(world.clock.time).toISOString() } }),
  );
  world.clock.time += 60_000;
  expect(await renewIfDue(machine.context)).toMatchObject({ source: "issued" });
  world.clock.time += DAY;
  expect(await renewIfDue(machine.context)).toBeUndefined();
});

describe.each([
  { days: 6, span: 30, expected: 10 },
  { days: 45, span: 180, expected: 6 },
  { days: 90, span: 360, expected: 6 },
])("$days-day certificates through $span days", ({ days, span, expected }) => {
  test("with many a boot: renewed in time, never twice at one boot", async () => {
    const world = fixture();
    world.ca.lifetime = days * DAY;
    let machine = await world.machine();
    const every = (days / 6) * 6 * HOUR;
    for (const end = world.clock.time + span * DAY; world.clock.time < end; world.clock.time += every) {
      if (Math.random() < 0.1) machine = await world.machine();
      const before = world.ca.orders;
      const served = await ensureCertificate(machine.context);
      expect(["stored", "issued"]).toContain(served.source);
      expect(served.notAfter.getTime() - world.clock.time).toBeGreaterThan((days * DAY) / 4);
      await renewIfDue(machine.context);
      expect(world.ca.orders - before).toBeLessThanOrEqual(1);
    }
    expect(world.ca.refusals).toEqual([]);
    expect(world.ca.issued).toBeGreaterThanOrEqual(expected - 1);
    expect(world.ca.issued).toBeLessThanOrEqual(expected + 1);
  });
});
