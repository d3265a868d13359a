/** A boot does not wait for the CA forever, and one process has one order at a time. */
import { readFile } from "node:fs/promises";
import { expect, test } from "vitest";
import { ensureCertificate, renewIfDue } from "../../../agent/certificate/ensure.ts";
import { keys } from "../../../agent/site/names.ts";
import { fixture } from "./fixture.ts";

const NAMES = ["example.test"];

test("a boot out of patience goes on self-signed; the order's certificate is served by the next look", async () => {
  const { machine, ca, store } = fixture();
  const { context, client } = await machine();
  let issue = (): void => {};
  client.onOrder = () => new Promise((resolve) => (issue = () => resolve(undefined)));
  const boot = await ensureCertificate(context, async () => {
    while (client.asked.length === 0) await new Promise((resolve) => setImmediate(resolve));
  });
  expect(boot.source).toBe("self-signed");
  expect(boot.warnings.join()).toContain("still being ordered");

  // While the CA takes its time, looking costs nothing and touches nothing.
  for (let i = 0; i < 3; i++) expect(await renewIfDue(context)).toBeUndefined();
  expect(await ensureCertificate(context, async () => {})).toMatchObject({ source: "self-signed" });
  expect(client.asked).toHaveLength(1);

  issue();
  while (!store.writes.includes(keys.certificatePointer(NAMES))) {
    await new Promise((resolve) => setImmediate(resolve));
  }
  const served = await renewIfDue(context);
  expect(served).toMatchObject({ source: "stored", issuer: "Small CA 1", changed: true });
  expect(await readFile(boot.fullchain, "utf8")).toContain("BEGIN CERTIFICATE");
  expect(await renewIfDue(context)).toBeUndefined();
  expect(ca.orders).toBe(1);
});

test("the first order of all waits to be told that the app works; what it takes is brought meanwhile", async () => {
  const { machine, ca } = fixture();
  const { context, client } = await machine();
  const prepared: string[] = [];
  Object.assign(context.authority, { prepare: async () => void prepared.push("certbot") });
  const never = () => new Promise<void>(() => {});
  for (let boot = 0; boot < 5; boot++) {
    const waiting = await ensureCertificate(context, never, "later");
    expect(waiting).toMatchObject({ source: "self-signed", waits: true, warnings: [] });
  }
  expect([ca.orders, client.asked.length, prepared.length]).toEqual([0, 0, 5]);
  const first = await ensureCertificate(context, never, "now");
  expect(first.source).toBe("issued");
  expect(first.waits).toBeUndefined();

  // Once there was one, it is found at once; and another is ordered beside the app.
  const second = (await machine()).context;
  expect(await ensureCertificate(second, never, "later")).toMatchObject({ source: "stored" });
  expect(ca.orders).toBe(1);
});

test("looks of one process at the same time: one order", async () => {
  const { machine, ca } = fixture();
  const { context } = await machine();
  const results = await Promise.all([renewIfDue(context), renewIfDue(context), renewIfDue(context)]);
  expect(results.filter((r) => r?.source === "issued")).toHaveLength(1);
  expect(ca.orders).toBe(1);
});
