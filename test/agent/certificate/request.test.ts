/** An operator's wish for a new certificate. */
import { expect, test } from "vitest";
import { ensureCertificate, renewIfDue } from "../../../agent/certificate/ensure.ts";
import { pointerDocument } from "../../../agent/site/certificates.ts";
import { readDocument, updateDocument } from "../../../agent/site/document.ts";
import { DAY, type Fixture, fixture, HOUR } from "./fixture.ts";

const NAMES = ["example.test"];
const document = pointerDocument(NAMES);

const wish = ({ store, clock }: Fixture) =>
  updateDocument(
    store,
    document,
    (current, date) =>
      current && { ...current, requested: { by: "ann", at: (date ?? new Date()).toISOString() } },
    clock,
  );
const pointer = async ({ store }: Fixture) => (await readDocument(store, document)).value;

test("is fulfilled once, and gone with the new certificate", async () => {
  const world = fixture();
  const { context } = await world.machine();
  const first = await ensureCertificate(context);
  world.clock.time += DAY;
  await wish(world);
  expect(await ensureCertificate(context)).toMatchObject({ serial: first.serial });
  const renewed = await renewIfDue(context);
  expect(renewed?.source).toBe("issued");
  expect(renewed?.serial).not.toBe(first.serial);
  expect((await pointer(world))?.requested).toBeUndefined();
  expect(await renewIfDue(context)).toBeUndefined();
  expect(world.ca.orders).toBe(2);
});

test("is tried once when the CA refuses, then given up; the old certificate stays", async () => {
  const world = fixture();
  const { context, client } = await world.machine();
  const first = await ensureCertificate(context);
  world.clock.time += DAY;
  await wish(world);
  client.onOrder = () => ({ outcome: "failed", error: "CA is down", lines: [], retryAfter: undefined });
  expect(await renewIfDue(context)).toBeUndefined();
  expect((await pointer(world))?.requested).toBeUndefined();
  client.onOrder = () => undefined;
  world.clock.time += HOUR;
  expect(await renewIfDue(context)).toBeUndefined();
  expect(client.asked).toHaveLength(2);
  expect(await ensureCertificate(context)).toMatchObject({ source: "stored", serial: first.serial });
});

test("beyond the budget is given up without a question to the CA", async () => {
  const world = fixture();
  const { context, client } = await world.machine();
  await ensureCertificate(context);
  for (let i = 0; i < 3; i++) {
    world.clock.time += HOUR;
    await wish(world);
    expect(await renewIfDue(context)).toMatchObject({ source: "issued" });
  }
  world.clock.time += HOUR;
  await wish(world);
  expect(await renewIfDue(context)).toBeUndefined();
  expect((await pointer(world))?.requested).toBeUndefined();
  expect(client.asked).toHaveLength(4);
});

test("waits while another instance orders, and is content with that one's certificate", async () => {
  const world = fixture();
  const [a, b] = [await world.machine(), await world.machine()];
  await ensureCertificate(a.context);
  await ensureCertificate(b.context);
  world.clock.time += HOUR;
  await wish(world);
  let go = (): void => {};
  a.client.onOrder = () => new Promise((resolve) => (go = () => resolve(undefined)));
  const renewing = renewIfDue(a.context);
  while (a.client.asked.length < 2) await new Promise((resolve) => setImmediate(resolve));
  expect(await renewIfDue(b.context)).toBeUndefined();
  expect((await pointer(world))?.requested).toBeDefined();
  go();
  const renewed = await renewing;
  expect(await renewIfDue(b.context)).toMatchObject({ serial: renewed?.serial, source: "stored" });
  expect(world.ca.orders).toBe(2);
});
