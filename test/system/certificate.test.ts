/** The shipped certificate code with real certbot, Pebble, DNS and hooks. Runs in the sandbox (scripts/sandbox). */
import { X509Certificate } from "node:crypto";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { ChangeResourceRecordSetsCommand, Route53Client } from "@aws-sdk/client-route-53";
import { execa } from "execa";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { ensureCertificate, renewIfDue } from "../../agent/certificate/ensure.ts";
import { badNonce, tooManyRequests, unavailable } from "../cloud/ca/faults.ts";
import { DAY, startWorld, type World } from "./certificate/world.ts";

let world: World;
beforeEach(async () => {
  world = await startWorld();
});
afterEach(async () => {
  expect(world.ca.books.refusals).toEqual([]);
  expect(world.cloud.faults()).toEqual([]);
  await world.close();
});

const challenges = () => world.cloud.route53.zones;

describe("a first issuance", () => {
  test("of a domain, its wildcard and another name; every later machine is served from the bucket", async () => {
    const names = ["example.test", "*.example.test", "deep.sub.example.test"];
    const first = await world.machine({ names });
    const served = await ensureCertificate(first.context);
    expect(served.warnings).toEqual([]);
    expect(served).toMatchObject({ source: "issued", issuer: "Test Intermediate" });
    expect([...served.names].sort()).toEqual([...names].sort());
    const leaf = new X509Certificate(await readFile(served.fullchain));
    expect(leaf.publicKey.asymmetricKeyType).toBe("ec");
    expect(world.ca.books.orders).toHaveLength(1);
    const zone = world.env.TEST_ZONE ?? "";
    for (const name of ["_acme-challenge.example.test", "_acme-challenge.deep.sub.example.test"]) {
      expect(challenges().get(zone).records.get(`${name}. TXT`), name).toBeUndefined();
    }

    const requests = world.ca.requests;
    for (let i = 0; i < 3; i++) {
      const next = await world.machine({ names });
      expect(await ensureCertificate(next.context)).toMatchObject({
        source: "stored",
        serial: served.serial,
      });
      expect(await renewIfDue(next.context)).toBeUndefined();
    }
    expect(world.ca.requests).toBe(requests);
  });

  test("leaves a lineage with which certbot itself goes on, on another machine", async () => {
    await ensureCertificate((await world.machine()).context);
    const next = await world.machine();
    await ensureCertificate(next.context);
    const folder = join(next.disk, "letsencrypt");
    const dirs = ["config", "work", "logs"].flatMap((d) => [`--${d}-dir`, join(folder, d)]);
    const listed = await execa("certbot", ["certificates", ...dirs]);
    expect(listed.stdout).toContain("Certificate Name: everspot");
    expect(listed.stdout).toContain("Domains: example.test");
    const renewed = await execa(
      "certbot",
      ["renew", "--force-renewal", "--no-random-sleep-on-renew", ...dirs],
      {
        env: { EVERSPOT_HOOK_STATE: join(folder, "hook.json") },
      },
    );
    expect(renewed.stdout).toContain("all renewals succeeded");
    expect(new Set(world.ca.books.orders.map((o) => o.account)).size).toBe(1);
  });
});

test("CAA records that forbid the authority: it says so, and no order counts", async () => {
  const HostedZoneId = world.env.TEST_ZONE;
  const caa = {
    ...{ Name: "example.test", Type: "CAA" as const, TTL: 60 },
    ResourceRecords: [{ Value: '0 issue "other.example"' }],
  };
  const route53 = new Route53Client({ endpoint: world.cloud.endpoint });
  const Changes = [{ Action: "CREATE" as const, ResourceRecordSet: caa }];
  await route53.send(new ChangeResourceRecordSetsCommand({ HostedZoneId, ChangeBatch: { Changes } }));
  route53.destroy();
  const served = await ensureCertificate((await world.machine()).context);
  expect(served.source).toBe("self-signed");
  expect(served.warnings.join("\n")).toContain("CAA record for example.test prevents issuance");
  expect(world.ca.books.orders).toEqual([]);
});

test("a renewal by another machine uses the same account; the next boot serves it", async () => {
  const first = await ensureCertificate((await world.machine()).context);
  expect(first.warnings).toEqual([]);
  world.clock.shift += 61.5 * DAY;
  const owner = await world.machine();
  expect(await ensureCertificate(owner.context)).toMatchObject({ source: "stored", serial: first.serial });
  const renewed = await renewIfDue(owner.context);
  expect(renewed).toMatchObject({ source: "issued" });
  expect(renewed?.serial).not.toBe(first.serial);
  expect(await renewIfDue(owner.context)).toBeUndefined();
  expect(await ensureCertificate((await world.machine()).context)).toMatchObject({ serial: renewed?.serial });
  expect(new Set(world.ca.books.orders.map((o) => o.account)).size).toBe(1);
  expect(world.ca.books.issuances).toHaveLength(2);
});

test("an account the CA does not know any more is replaced by a new one", async () => {
  const { context } = await world.machine();
  await ensureCertificate(context);
  await world.restartPebble();
  world.clock.shift += 61.5 * DAY;
  expect(await renewIfDue(context)).toMatchObject({ source: "issued" });
});

describe("trouble with the CA", () => {
  const outcomes = async () => {
    const ledger = JSON.parse(
      new TextDecoder().decode((await world.store.get("certificates/example.test/ledger.json"))?.body),
    );
    return ledger.directories[world.directory] as {
      outcome: string;
      error?: string;
      retryAt?: string;
      at: string;
    }[];
  };

  test("a bad nonce is repeated by certbot and costs nothing", async () => {
    world.ca.faults.add("order", badNonce);
    const served = await ensureCertificate((await world.machine()).context);
    expect(served).toMatchObject({ source: "issued", warnings: [] });
  });

  test("429 with Retry-After: self-signed, and no request before it is over", async () => {
    world.ca.faults.add("order", tooManyRequests(7200), Number.POSITIVE_INFINITY);
    const { context } = await world.machine();
    const boot = await ensureCertificate(context);
    expect(boot.source).toBe("self-signed");
    expect(boot.warnings.join()).toContain("rateLimited");
    const [attempt] = await outcomes();
    expect(attempt?.outcome).toBe("failed");
    expect((Date.parse(attempt?.retryAt ?? "") - Date.parse(attempt?.at ?? "")) / 1000).toBeCloseTo(7200, -2);
    world.ca.faults.clear();
    const requests = world.ca.requests;
    world.clock.shift += 7100_000;
    expect(await renewIfDue(context)).toBeUndefined();
    expect(world.ca.requests).toBe(requests);
    world.clock.shift += 200_000;
    expect(await renewIfDue(context)).toMatchObject({ source: "issued" });
  });

  test("its real limit: the refusal is understood, and the wait it asks for is kept", async () => {
    for (let i = 0; i < 5; i++) world.ca.books.limits.issued(["example.test"], world.clock.now());
    const { context } = await world.machine();
    const boot = await ensureCertificate(context);
    expect(boot.warnings.join()).toContain("too many certificates (5) already issued for this exact set");
    const [attempt] = await outcomes();
    const wait = Date.parse(attempt?.retryAt ?? "") - Date.parse(attempt?.at ?? "");
    expect(wait / 3600_000).toBeCloseTo(33.6, 1);
    expect(world.ca.books.refusals.splice(0)).toHaveLength(1);
    world.clock.shift += wait + 60_000;
    expect(await renewIfDue(context)).toMatchObject({ source: "issued" });
  });

  test("503: self-signed, again after a minute", async () => {
    world.ca.faults.add("account", unavailable(), Number.POSITIVE_INFINITY);
    const { context } = await world.machine();
    expect(await ensureCertificate(context)).toMatchObject({ source: "self-signed" });
    world.ca.faults.clear();
    expect(await renewIfDue(context)).toBeUndefined();
    world.clock.shift += 61_000;
    expect(await renewIfDue(context)).toMatchObject({ source: "issued" });
  });

  test("gone: the stored certificate serves on", async () => {
    const { context } = await world.machine();
    const first = await ensureCertificate(context);
    world.ca.faults.add("any", "gone", Number.POSITIVE_INFINITY);
    world.clock.shift += 62 * DAY;
    expect(await renewIfDue(context)).toBeUndefined();
    expect(await ensureCertificate((await world.machine()).context)).toMatchObject({ serial: first.serial });
    expect((await outcomes()).map((a) => a.outcome)).toEqual(["issued", "failed"]);
  });

  test("its answer to the last request lost: counted as issued, because it was", async () => {
    world.ca.faults.add("finalize", "lost");
    const { context } = await world.machine();
    expect(await ensureCertificate(context)).toMatchObject({ source: "self-signed" });
    expect((await outcomes()).map((a) => a.outcome)).toEqual(["unknown"]);
    expect(world.ca.books.issuances).toHaveLength(1);
  });

  test("a validation that fails is told in the CA's words", async () => {
    const { context } = await world.machine({ names: ["example.test", "www.elsewhere.test"] });
    const boot = await ensureCertificate(context);
    expect(boot.source).toBe("self-signed");
    expect(boot.warnings.join("\n")).toMatch(/www\.elsewhere\.test|_acme-challenge/);
    expect(world.ca.books.issuances).toEqual([]);
  });

  test("Route 53 that refuses: certbot is ended before the CA tries to validate", async () => {
    const zone = process.env.TEST_ZONE;
    process.env.TEST_ZONE = "ZNONE";
    const { context } = await world.machine();
    const boot = await ensureCertificate(context);
    process.env.TEST_ZONE = zone;
    expect(boot.source).toBe("self-signed");
    expect(boot.warnings.join()).toMatch(/Route 53.*ZNONE|No hosted zone/);
    expect(world.ca.books.failures).toEqual([]);
    const ledger = await outcomes();
    expect(ledger.map((a) => a.outcome)).toEqual(["failed"]);
  });
});
