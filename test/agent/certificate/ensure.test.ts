import { readFile, stat } from "node:fs/promises";
import { createServer } from "node:tls";
import { HeadObjectCommand } from "@aws-sdk/client-s3";
import { describe, expect, test } from "vitest";
import { ensureCertificate, renewIfDue } from "../../../agent/certificate/ensure.ts";
import { keys } from "../../../agent/site/names.ts";
import { startS3 } from "../site/s3.ts";
import { DAY, fixture, HOUR } from "./fixture.ts";

const NAMES = ["example.test"];

describe("a boot", () => {
  test("orders when nothing is stored, and stores object, pointer and ledger", async () => {
    const { machine, store, ca } = fixture();
    const { context } = await machine();
    const served = await ensureCertificate(context);
    expect(served).toMatchObject({ source: "issued", names: NAMES, issuer: "Small CA 1", changed: true });
    expect(served.warnings).toEqual([]);
    expect(await ensureCertificate(context)).toMatchObject({ source: "stored", changed: false });
    expect(ca.orders).toBe(1);
    expect(await readFile(served.fullchain, "utf8")).toContain("BEGIN CERTIFICATE");
    expect((await stat(served.key)).mode & 0o777).toBe(0o600);
    const pointer = JSON.parse(store.text(keys.certificatePointer(NAMES)));
    expect(pointer.issuances).toHaveLength(1);
    expect([...store.objects.keys()].sort()).toEqual(
      [
        keys.certificatePointer(NAMES),
        keys.certificateLedger(NAMES),
        keys.certificate(NAMES, pointer.issuances[0].id),
      ].sort(),
    );
    const ledger = JSON.parse(store.text(keys.certificateLedger(NAMES)));
    expect(Object.values(ledger.directories)[0]).toMatchObject([{ outcome: "issued", by: "i-1" }]);
  });

  test("with a valid stored certificate asks the CA for nothing, even when it is due", async () => {
    const { machine, clock, ca } = fixture();
    const first = await ensureCertificate((await machine()).context);
    clock.time += 80 * DAY;
    for (let i = 0; i < 5; i++) {
      const again = await ensureCertificate((await machine()).context);
      expect(again).toMatchObject({ source: "stored", serial: first.serial });
    }
    expect(ca.orders).toBe(1);
  });

  test("serves a pair that TLS accepts", async () => {
    const { machine } = fixture();
    const served = await ensureCertificate((await machine()).context);
    const [key, cert] = [await readFile(served.key), await readFile(served.fullchain)];
    expect(() => createServer({ key, cert })).not.toThrow();
  });

  test("goes on with a self-signed certificate when the CA does not issue", async () => {
    const { machine } = fixture();
    const { context, client } = await machine();
    client.onOrder = () => ({ outcome: "failed", error: "CA is down", lines: [], retryAfter: undefined });
    const served = await ensureCertificate(context);
    expect(served.source).toBe("self-signed");
    expect(served.warnings.join()).toContain("no certificate from ca.test: CA is down");
    const [key, cert] = [await readFile(served.key), await readFile(served.fullchain)];
    expect(() => createServer({ key, cert })).not.toThrow();
  });
});

describe("the watch loop", () => {
  test("renews after two thirds of 90 days, once, and a later boot serves the new one", async () => {
    const { machine, clock, ca } = fixture();
    const { context } = await machine();
    const first = await ensureCertificate(context);
    clock.time += 59 * DAY;
    expect(await renewIfDue(context)).toBeUndefined();
    clock.time += 2 * DAY;
    const renewed = await renewIfDue(context);
    expect(renewed?.source).toBe("issued");
    expect(renewed?.serial).not.toBe(first.serial);
    expect(await renewIfDue(context)).toBeUndefined();
    expect(ca.orders).toBe(2);
    const other = await ensureCertificate((await machine()).context);
    expect(other).toMatchObject({ source: "stored", serial: renewed?.serial });
  });

  test("retries by the ledger's rule after a self-signed start", async () => {
    const { machine, clock, ca } = fixture();
    const { context, client } = await machine();
    client.onOrder = () => ({ outcome: "failed", error: "down", lines: [], retryAfter: undefined });
    await ensureCertificate(context);
    client.onOrder = () => undefined;
    expect(await renewIfDue(context)).toBeUndefined();
    expect(client.asked).toHaveLength(1);
    clock.time += 61_000;
    expect((await renewIfDue(context))?.source).toBe("issued");
    expect(ca.issued).toBe(1);
  });

  test("installs what another instance renewed", async () => {
    const { machine, clock, ca } = fixture();
    const [a, b] = [await machine(), await machine()];
    await ensureCertificate(a.context);
    await ensureCertificate(b.context);
    clock.time += 62 * DAY;
    const renewed = await renewIfDue(a.context);
    const seen = await renewIfDue(b.context);
    expect(seen).toMatchObject({ serial: renewed?.serial, source: "stored" });
    expect(ca.orders).toBe(2);
    clock.time += HOUR;
  });
});

test("the stored certificate is encrypted with the configured key, on a real bucket", async () => {
  const kmsKey = "arn:aws:kms:us-east-1:123456789012:key/11111111-2222-3333-4444-555555555555";
  const { machine, clock } = fixture({ kmsKey });
  clock.time = Date.now();
  const s3 = await startS3();
  const { context } = await machine();
  const served = await ensureCertificate({ ...context, store: s3.store });
  expect(served).toMatchObject({ source: "issued", warnings: [] });
  const [object] = await s3.store.list(keys.certificatePrefix(NAMES));
  const head = await s3.client.send(new HeadObjectCommand({ Bucket: "site", Key: object?.key }));
  expect(head).toMatchObject({ ServerSideEncryption: "aws:kms", SSEKMSKeyId: kmsKey });
  const again = await ensureCertificate({ ...(await machine()).context, store: s3.store });
  expect(again).toMatchObject({ source: "stored", serial: served.serial });
  expect(s3.server.faults).toEqual([]);
  await s3.close();
});
