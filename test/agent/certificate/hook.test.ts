/** The hooks as certbot calls them, against the local Route 53. */
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { CreateHostedZoneCommand, Route53Client } from "@aws-sdk/client-route-53";
import { afterEach, beforeEach, expect, test } from "vitest";
import { createZone } from "../../../agent/aws/route53.ts";
import { certbotHook, type HookEnvironment } from "../../../agent/certificate/hook.ts";
import type { Zone } from "../../../agent/ports/zone.ts";
import { type Cloud, startCloud } from "../../cloud/cloud.ts";
import { JumpingClock } from "./fixture.ts";

const NAME = "_acme-challenge.example.test";
let cloud: Cloud;
let client: Route53Client;
let zone: Zone;
let folder: string;
const clock = new JumpingClock();

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "everspot-hook-"));
  cloud = await startCloud({ clock });
  client = new Route53Client({ endpoint: cloud.endpoint, region: cloud.region });
  const made = await client.send(new CreateHostedZoneCommand({ Name: "example.test", CallerReference: "1" }));
  zone = createZone(client, made.HostedZone?.Id?.replace("/hostedzone/", "") ?? "");
});
afterEach(async () => {
  client.destroy();
  expect(cloud.faults()).toEqual([]);
  await cloud.close();
  await rm(folder, { recursive: true });
});

const env = (domain: string, value: string, remaining = 0): HookEnvironment => ({
  CERTBOT_DOMAIN: domain,
  CERTBOT_VALIDATION: value,
  CERTBOT_REMAINING_CHALLENGES: String(remaining),
  EVERSPOT_HOOK_STATE: join(folder, "state.json"),
});
const values = async () => (await zone.find(NAME, "TXT"))?.values.sort();

test("a domain and its wildcard share the record, and cleaning up leaves nothing", async () => {
  await certbotHook("auth", env("example.test", "one", 1), zone, clock);
  expect(await values()).toEqual(["one"]);
  await certbotHook("auth", env("example.test", "two"), zone, clock);
  expect(await values()).toEqual(["one", "two"]);
  await certbotHook("cleanup", env("example.test", "one"), zone, clock);
  expect(await values()).toEqual(["two"]);
  await certbotHook("cleanup", env("example.test", "two"), zone, clock);
  expect(await values()).toBeUndefined();
  await certbotHook("cleanup", env("example.test", "two"), zone, clock);
});

test("values of a run that was killed are gone after the next one", async () => {
  await certbotHook("auth", env("example.test", "stale"), zone, clock);
  await rm(join(folder, "state.json"));
  await certbotHook("auth", env("example.test", "fresh"), zone, clock);
  expect(await values()).toEqual(["fresh"]);
});

test("the last challenge waits for all changes, the ones before it do not", async () => {
  cloud.route53.delays.insyncMs = 40_000;
  const start = clock.now();
  await certbotHook("auth", env("example.test", "one", 2), zone, clock);
  await certbotHook("auth", env("www.example.test", "two", 1), zone, clock);
  expect(clock.now()).toBe(start);
  await certbotHook("auth", env("example.test", "three"), zone, clock);
  expect(clock.now() - start).toBeGreaterThanOrEqual(40_000);
  expect(clock.now() - start).toBeLessThan(45_000);
});

test("records that never get INSYNC fail the hook in bounded time and leave the reason", async () => {
  cloud.route53.delays.insyncMs = 24 * 3600_000;
  const start = clock.now();
  await expect(certbotHook("auth", env("example.test", "one"), zone, clock)).rejects.toThrow(
    /last seen: PENDING/,
  );
  expect(clock.now() - start).toBeLessThan(200_000);
  expect(JSON.parse(await readFile(join(folder, "state.json"), "utf8")).failure).toContain("PENDING");
});

test("a record changed in between is read afresh", async () => {
  await certbotHook("auth", env("example.test", "stale"), zone, clock);
  await rm(join(folder, "state.json"));
  let raced = false;
  const racing: Zone = {
    ...zone,
    change: async (changes) => {
      if (!raced) {
        raced = true;
        await zone.change([
          { action: "UPSERT", record: { name: NAME, type: "TXT", ttl: 60, values: ["other"] } },
        ]);
      }
      return zone.change(changes);
    },
  };
  await certbotHook("auth", env("example.test", "mine"), racing, clock);
  expect(await values()).toEqual(["mine"]);
});

test("a change whose answer was lost is waited for all the same", async () => {
  cloud.route53.delays.insyncMs = 30_000;
  let lost = false;
  const lossy: Zone = {
    ...zone,
    change: async (changes) => {
      const id = await zone.change(changes);
      if (lost) return id;
      lost = true;
      return zone.change(changes);
    },
  };
  const start = clock.now();
  await certbotHook("auth", env("example.test", "one"), lossy, clock);
  expect(await values()).toEqual(["one"]);
  expect(clock.now() - start).toBeGreaterThanOrEqual(30_000);
});

test("without certbot's variables it says that it is not for hands", async () => {
  await expect(certbotHook("auth", {}, zone, clock)).rejects.toThrow("CERTBOT_DOMAIN is not set");
});
