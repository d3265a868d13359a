import { CreateHostedZoneCommand, Route53Client } from "@aws-sdk/client-route-53";
import { pino } from "pino";
import { afterEach, beforeEach, expect, test } from "vitest";
import { createZone } from "../../../agent/aws/route53.ts";
import { Role } from "../../../agent/handover/role.ts";
import type { Identity } from "../../../agent/identity/identity.ts";
import type { Machine } from "../../../agent/machine/machine.ts";
import { type Claimant, claimSite } from "../../../agent/ownership/claim.ts";
import type { Zone } from "../../../agent/ports/zone.ts";
import { BootRecorder } from "../../../agent/record/recorder.ts";
import { readDocument } from "../../../agent/site/document.ts";
import { siteDocument } from "../../../agent/site/documents/site-state.ts";
import { Rounds } from "../../../agent/system/rounds.ts";
import type { Units } from "../../../agent/system/units.ts";
import { ManualClock } from "../../cloud/manual-clock.ts";
import { Route53 } from "../../cloud/route53.ts";
import { Traffic } from "../../cloud/traffic.ts";
import { bootConfigOf } from "../boot-config.ts";
import { type LocalS3, startS3 } from "../site/s3.ts";
import { TestFleet } from "./fleet.ts";

const DOMAIN = "blog.example";
const log = pino({ level: "silent" });
const launched = new Date("2026-11-21T11:00:00Z");
const identity: Identity = {
  instance: "i-1",
  type: "t3.micro",
  image: "ami-01234567",
  zone: "us-east-1a",
  address: "203.0.113.1",
  privateAddress: "10.0.0.1",
  lifeCycle: "spot",
};

let local: LocalS3;
let client: Route53Client;
let zone: Zone;
let clock: ManualClock;
let traffic: Traffic;
let fleet: TestFleet;
let stop: AbortController;
let near: boolean;
let healthy: boolean;
let terms: string[];
let role: Role;
let machine: Machine;
let recorder: BootRecorder;

beforeEach(async () => {
  local = await startS3();
  new Route53(local.server, {});
  client = new Route53Client({ endpoint: local.server.endpoint });
  const made = await client.send(new CreateHostedZoneCommand({ Name: DOMAIN, CallerReference: "1" }));
  zone = createZone(client, (made.HostedZone?.Id ?? "").replace("/hostedzone/", ""));
  clock = new ManualClock();
  traffic = new Traffic();
  fleet = new TestFleet();
  fleet.add("i-1", launched);
  stop = new AbortController();
  [near, healthy, terms] = [false, true, []];
  const units = { state: async () => ({ active: "inactive" }) } as unknown as Units;
  machine = {
    ...{ identity, zone, clock, units, rounds: new Rounds() },
    host: { ask: async () => ({ ok: healthy, seen: "" }) },
    store: local.store,
    peers: fleet,
    config: bootConfigOf({ domain: DOMAIN }),
  } as unknown as Machine;
  const { store } = local;
  recorder = new BootRecorder({
    store,
    clock,
    site: "blog",
    bootId: "b",
    agent: "a",
    started: 0,
    before: [],
  });
  recorder.identify(identity);
  recorder.change({ release: "r1" });
  role = new Role({
    ...{ machine, launched, release: "r1", fleet, recorder, log },
    signal: stop.signal,
    handOverNear: () => near,
    duties: (release, signal) => {
      terms.push(`${release} begins`);
      signal.addEventListener("abort", () => terms.push(`${release} ends`));
      return [];
    },
  });
});
afterEach(async () => {
  stop.abort();
  await role.ended();
  recorder.close();
  traffic.stop();
  client.destroy();
  await local.close();
});

const claim = (me: Partial<Claimant> = {}) =>
  claimSite(
    { instance: "i-1", address: "203.0.113.1", privateAddress: "10.0.0.1", launched, release: "r1", ...me },
    { store: local.store, zone, peers: fleet, clock, domain: DOMAIN, aliases: [], ttl: 60 },
  );
const record = () => zone.find(DOMAIN, "A");
async function until(holds: () => boolean | Promise<boolean>): Promise<void> {
  for (let i = 0; i < 200 && !(await holds()); i++) {
    await clock.advance(1_000);
    await traffic.quiet();
  }
  expect(await holds()).toBe(true);
}

test("an owner makes its records easy to move while a hand-over is near, and lasting after it", async () => {
  await claim();
  role.own(1, "r1", 60);
  near = true;
  await until(async () => (await record())?.ttl === 5);
  expect(await record()).toMatchObject({ values: ["203.0.113.1"] });
  near = false;
  await until(async () => (await record())?.ttl === 60);
});

test("records that another owner has since moved stay as they are", async () => {
  await claim();
  role.own(1, "r1", 60);
  fleet.add("i-2", new Date(launched.getTime() + 1_000));
  const later = { instance: "i-2", address: "203.0.113.2", launched: new Date(launched.getTime() + 1_000) };
  expect(await claim(later)).toMatchObject({ owner: true, epoch: 2 });
  near = true;
  await until(() => clock.now() > launched.getTime() + 3_600_000 + 20_000);
  expect(await record()).toMatchObject({ ttl: 60, values: ["203.0.113.2"] });
});

test("an instance that stands by takes the site back when its owner is gone, and only then", async () => {
  await claim();
  fleet.add("i-2", new Date(launched.getTime() + 1_000));
  const later = { instance: "i-2", address: "203.0.113.2", launched: new Date(launched.getTime() + 1_000) };
  await claim(later);
  role.own(1, "r1", 60);
  role.standBy();
  expect(terms).toEqual(["r1 begins", "r1 ends"]);
  expect(role.owned).toBeUndefined();
  let looks = 0;
  await until(() => ++looks > 30);
  expect(await record()).toMatchObject({ values: ["203.0.113.2"] });

  fleet.peers = fleet.peers.map((p) => (p.instance === "i-2" ? { ...p, alive: false } : p));
  healthy = false;
  looks = 0;
  await until(() => ++looks > 30);
  expect(await record()).toMatchObject({ values: ["203.0.113.2"] });

  healthy = true;
  await until(() => role.owned !== undefined);
  expect(role.owned).toEqual({ epoch: 3, release: "r1" });
  expect(await record()).toMatchObject({ values: ["203.0.113.1"] });
  expect((await readDocument(local.store, siteDocument)).value).toMatchObject({ owner: "i-1", epoch: 3 });
  expect(terms).toEqual(["r1 begins", "r1 ends", "r1 begins"]);
});

test("one answer of EC2 that does not know the owner does not move the site", async () => {
  await claim();
  const later = { instance: "i-2", address: "203.0.113.2", launched: new Date(launched.getTime() + 1_000) };
  fleet.add("i-2", later.launched);
  await claim(later);
  role.standBy();
  // Every other answer is of a part of EC2 that has not heard of it.
  let asked = 0;
  fleet.find = async (instance) =>
    instance === "i-2" && ++asked % 2 === 1 ? undefined : fleet.peers.find((p) => p.instance === instance);
  await until(() => asked > 12);
  expect(role.owned).toBeUndefined();
  // It did not even begin to: that would end its forwarding.
  expect(recorder.value?.events ?? []).toEqual([]);
  expect((await readDocument(local.store, siteDocument)).value).toMatchObject({ owner: "i-2", epoch: 2 });
  expect(await record()).toMatchObject({ values: ["203.0.113.2"] });
});

test("a replacement is asked for only by the owner; a new call takes the place of the one before", async () => {
  role.standBy();
  role.needReplacement({ bridge: true, noticed: true });
  let looks = 0;
  await until(() => ++looks > 60);
  expect(fleet.asked).toEqual([]);

  near = true;
  role.own(1, "r1", 60);
  role.needReplacement({ bridge: false, noticed: true });
  role.needReplacement({ bridge: true, noticed: true });
  await until(() => fleet.asked.length === 2);
  expect(fleet.asked).toEqual([{ total: 2 }, { bridge: 1 }]);
});

test("a need for a replacement outlives a change of role", async () => {
  near = true;
  role.own(1, "r1", 60);
  role.needReplacement({ bridge: false, noticed: true });
  role.own(1, "r2", 60);
  await until(() => fleet.asked.length === 1);
  expect(fleet.asked).toEqual([{ total: 2 }]);
});
