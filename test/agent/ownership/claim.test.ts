import {
  ChangeResourceRecordSetsCommand,
  CreateHostedZoneCommand,
  Route53Client,
} from "@aws-sdk/client-route-53";
import { afterEach, beforeEach, expect, test } from "vitest";
import { createZone } from "../../../agent/aws/route53.ts";
import {
  type AboveAndOver,
  type Claimant,
  claimSite,
  mayTake,
  takeSite,
} from "../../../agent/ownership/claim.ts";
import { publishRecords, readFence } from "../../../agent/ownership/records.ts";
import type { Zone } from "../../../agent/ports/zone.ts";
import { readDocument, updateDocument } from "../../../agent/site/document.ts";
import { type SiteState, siteDocument } from "../../../agent/site/documents/site-state.ts";
import { EverspotError } from "../../../agent/site/errors.ts";
import { formatFence, parseFence } from "../../../agent/site/fence.ts";
import { fenceRecord } from "../../../agent/site/names.ts";
import { ConditionFailed, type ObjectStore } from "../../../agent/site/store.ts";
import { Route53 } from "../../cloud/route53.ts";
import { type LocalS3, startS3 } from "../site/s3.ts";
import { peersOf } from "./actors.ts";

const DOMAIN = "site.example";
const ALIAS = "www.site.example";
const older = claimant("i-00000001", "127.0.1.1", 1_000);
const newer = claimant("i-00000002", "127.0.1.2", 2_000);

function claimant(instance: string, address: string, launched: number): Claimant {
  return { instance, address, privateAddress: address, launched: new Date(launched), release: "r1" };
}

let local: LocalS3;
let client: Route53Client;
let zone: Zone;
let zoneId: string;
beforeEach(async () => {
  local = await startS3();
  new Route53(local.server);
  client = new Route53Client({ endpoint: local.server.endpoint, region: "us-east-1" });
  const made = await client.send(new CreateHostedZoneCommand({ Name: DOMAIN, CallerReference: "1" }));
  zoneId = (made.HostedZone?.Id ?? "").replace("/hostedzone/", "");
  zone = createZone(client, zoneId);
});
afterEach(async () => {
  client.destroy();
  await local.close();
});

const claim = (
  me: Claimant,
  more: { alive?: Claimant[]; store?: ObjectStore; zone?: Zone; ttl?: number } = {},
) =>
  claimSite(me, {
    store: more.store ?? local.store,
    zone: more.zone ?? zone,
    peers: peersOf((more.alive ?? [older, newer]).map((c) => c.instance)),
    clock: { now: () => 0, sleep: async () => {} },
    domain: DOMAIN,
    aliases: [ALIAS],
    ttl: more.ttl ?? 60,
  });
const site = async () => (await readDocument(local.store, siteDocument)).value;
const addresses = async () =>
  (await Promise.all([DOMAIN, ALIAS].map((name) => zone.find(name, "A")))).map((r) => r?.values);

test("the first claim makes fence, records and site.json", async () => {
  expect(await claim(older)).toEqual({ owner: true, epoch: 1, previous: undefined });
  expect(await readFence(zone, DOMAIN)).toEqual({ epoch: 1, owner: older.instance });
  expect(await addresses()).toEqual([[older.address], [older.address]]);
  expect(await site()).toMatchObject({ epoch: 1, owner: older.instance, state: "serving", release: "r1" });
});

test("claiming again changes nothing but the release", async () => {
  await claim(older);
  const fence = await zone.find(fenceRecord(DOMAIN), "TXT");
  expect(await claim({ ...older, release: "r2" })).toMatchObject({ owner: true, epoch: 1 });
  expect(await zone.find(fenceRecord(DOMAIN), "TXT")).toEqual(fence);
  expect((await site())?.release).toBe("r2");
});

test("the newest launch wins; an older one takes back only when the owner is gone", async () => {
  await claim(older);
  expect(await claim(newer)).toMatchObject({ owner: true, epoch: 2, previous: { owner: older.instance } });
  expect(await claim(older)).toEqual({ owner: false, by: newer.instance });
  expect(await addresses()).toEqual([[newer.address], [newer.address]]);
  expect(await claim(older, { alive: [older] })).toMatchObject({ owner: true, epoch: 3 });
  expect(await addresses()).toEqual([[older.address], [older.address]]);
});

test("one answer of EC2 that does not know the owner does not let an older instance take the site", async () => {
  await claim(newer);
  const answers = [undefined, (await peersOf([newer.instance]).all())[0]];
  const peers = { all: async () => [], find: async () => answers.shift() };
  const context = { store: local.store, zone, peers, clock: { now: () => 0, sleep: async () => {} } };
  const stale = claimSite(older, { ...context, domain: DOMAIN, aliases: [], ttl: 60 });
  expect(await stale).toEqual({ owner: false, by: newer.instance });
  expect(answers).toEqual([]);
});

test("another address after a stop and start is a new epoch of the same owner", async () => {
  await claim(older);
  expect(await claim({ ...older, address: "127.0.1.9", privateAddress: "127.0.1.9" })).toEqual({
    owner: true,
    epoch: 2,
    previous: undefined,
  });
  expect(await addresses()).toEqual([["127.0.1.9"], ["127.0.1.9"]]);
});

test("a lost site.json does not take the epoch back: the fence has it", async () => {
  await claim(older);
  await claim(newer);
  await local.s3.buckets.get("site")?.delete(siteDocument.key, undefined, Date.now());
  expect(await claim(older, { alive: [older] })).toMatchObject({ owner: true, epoch: 3 });
});

/** The first part of a claim, by a clock that shows so many seconds. */
const take = (me: Claimant, options: AboveAndOver = {}, seconds = 0) =>
  takeSite(
    me,
    {
      ...{ store: local.store, zone, peers: peersOf([older.instance, newer.instance]) },
      ...{ clock: { now: () => seconds * 1000, sleep: async () => {} }, domain: DOMAIN, aliases: [ALIAS] },
      ttl: 60,
    },
    options,
  );

test("the first part of a claim leaves the records where they are", async () => {
  await claim(older);
  const taken = await take(newer);
  expect(taken).toMatchObject({ owner: true, epoch: 2, previous: { owner: older.instance } });
  expect(await addresses()).toEqual([[older.address], [older.address]]);
  expect(await site()).toMatchObject({ epoch: 2, owner: newer.instance, state: "claiming" });
  expect(await take(newer)).toEqual({ owner: true, epoch: 2, previous: undefined });
});

test("an epoch that the log has seen is never taken again, not even by its owner", async () => {
  await claim(older);
  expect(await take(older, { above: 1 })).toMatchObject({ owner: true, epoch: 2 });
  expect(await take(older, { above: 7 })).toMatchObject({ owner: true, epoch: 8 });
});

test("a claim that never came to serve is over after a time, though its instance runs; one that serves is not", async () => {
  await claim(older);
  await take(newer);
  expect(await take(older, { over: 120 }, 119)).toEqual({ owner: false, by: newer.instance });
  expect(await take(older, {}, 500)).toEqual({ owner: false, by: newer.instance });
  expect(await take(older, { over: 120 }, 120)).toMatchObject({ owner: true, epoch: 3 });
  await claim(newer);
  expect(await take(older, { over: 120 }, 500)).toEqual({ owner: false, by: newer.instance });
});

test("an address someone changed by hand is read afresh and replaced, whatever its TTL and values", async () => {
  await claim(older);
  await zone.change([
    { action: "UPSERT", record: { name: DOMAIN, type: "A", ttl: 7, values: ["192.0.2.1", "192.0.2.2"] } },
  ]);
  expect(await claim(newer)).toMatchObject({ owner: true });
  expect(await addresses()).toEqual([[newer.address], [newer.address]]);
});

test("a fence text that is not ours is replaced", async () => {
  await zone.change([
    { action: "CREATE", record: { name: fenceRecord(DOMAIN), type: "TXT", ttl: 5, values: ["hello"] } },
  ]);
  expect(await claim(older)).toMatchObject({ owner: true, epoch: 1 });
});

test("its own write met as a 412 is recognised", async () => {
  const store: ObjectStore = {
    ...local.store,
    put: async (key, body, condition) => {
      await local.store.put(key, body, condition);
      throw new ConditionFailed("met our own write");
    },
  };
  expect(await claim(older, { store })).toMatchObject({ owner: true, epoch: 1 });
  expect((await site())?.state).toBe("serving");
});

test("a batch whose reply is lost is recognised at the next try", async () => {
  let lost = false;
  const flaky: Zone = {
    ...zone,
    change: async (changes) => {
      const id = await zone.change(changes);
      if (lost) return id;
      lost = true;
      throw new EverspotError("no answer", { retry: "retry" });
    },
  };
  await expect(claim(older, { zone: flaky })).rejects.toThrow("no answer");
  expect(await claim(older, { zone: flaky })).toMatchObject({ owner: true, epoch: 1 });
});

test("a record that changes between read and write is read again; a fence that moved on ends it", async () => {
  await claim(older);
  let meddle = async () => {};
  const raced: Zone = {
    ...zone,
    change: async (changes) => {
      await meddle();
      meddle = async () => {};
      return zone.change(changes);
    },
  };
  meddle = async () => {
    await zone.change([
      { action: "UPSERT", record: { name: ALIAS, type: "A", ttl: 9, values: ["192.0.2.7"] } },
    ]);
  };
  const wanted = { domain: DOMAIN, aliases: [ALIAS], address: older.address, ttl: 5 };
  const mine = { epoch: 1, owner: older.instance };
  expect(await publishRecords(raced, { ...wanted, fence: mine })).toMatchObject({ published: true });
  expect((await zone.find(ALIAS, "A"))?.ttl).toBe(5);
  meddle = async () => void (await claim(newer));
  expect(await publishRecords(raced, { ...wanted, ttl: 60, fence: mine })).toEqual({
    published: false,
    owner: { epoch: 2, owner: newer.instance },
  });
  expect(await addresses()).toEqual([[newer.address], [newer.address]]);
});

test("an epoch is one owner's: another with the same one changes no record", async () => {
  await claim(older);
  const records = { domain: DOMAIN, aliases: [ALIAS], address: newer.address, ttl: 60 };
  expect(await publishRecords(zone, { ...records, fence: { epoch: 1, owner: newer.instance } })).toEqual({
    published: false,
    owner: { epoch: 1, owner: older.instance },
  });
  expect(await addresses()).toEqual([[older.address], [older.address]]);
  expect(await readFence(zone, DOMAIN)).toEqual({ epoch: 1, owner: older.instance });
});

test("records that are an earlier epoch's are written again, though they look the same", async () => {
  await claim(older);
  const records = { domain: DOMAIN, aliases: [ALIAS], address: older.address, ttl: 60 };
  const fence = { epoch: 2, owner: newer.instance };
  expect(await publishRecords(zone, { ...records, fence })).toMatchObject({ change: expect.any(String) });
  expect(await readFence(zone, DOMAIN)).toEqual(fence);
});

test("an address that was added beside the owner's goes", async () => {
  await claim(older);
  const values = [older.address, "192.0.2.9"];
  await zone.change([{ action: "UPSERT", record: { name: DOMAIN, type: "A", ttl: 60, values } }]);
  expect(await claim(older)).toMatchObject({ owner: true, epoch: 1 });
  expect(await addresses()).toEqual([[older.address], [older.address]]);
});

test("until the records are INSYNC the owner claims, and only then it serves", async () => {
  const states: (string | undefined)[] = [];
  const slow: Zone = {
    ...zone,
    settled: async () => {
      states.push((await site())?.state);
      return states.length === 3;
    },
  };
  await claim(older, { zone: slow });
  expect(states).toEqual(["claiming", "claiming", "claiming"]);
  expect((await site())?.state).toBe("serving");
});

test("who loses the site while the records settle leaves it as its new owner has it", async () => {
  let theirs: SiteState | undefined;
  const raced: Zone = {
    ...zone,
    settled: async () => {
      const { value } = await updateDocument(
        local.store,
        siteDocument,
        (now) =>
          now && { ...now, epoch: 2, owner: newer.instance, state: "claiming" as const, release: "r9" },
      );
      theirs = value;
      return true;
    },
  };
  expect(await claim(older, { zone: raced })).toEqual({ owner: false, by: newer.instance });
  expect(await site()).toEqual(theirs);
});

test("a zone that changes at every try is trouble that can pass", async () => {
  let ttl = 100;
  const restless: Zone = {
    ...zone,
    change: async (changes) => {
      await zone.change([
        { action: "UPSERT", record: { name: DOMAIN, type: "A", ttl: ttl++, values: ["192.0.2.7"] } },
      ]);
      return zone.change(changes);
    },
  };
  await expect(claim(older, { zone: restless })).rejects.toMatchObject({
    message: expect.stringContaining("kept changing"),
    retry: "retry",
  });
});

test("a record with a routing policy is named at once, not tried to be replaced", async () => {
  await client.send(
    new ChangeResourceRecordSetsCommand({
      HostedZoneId: zoneId,
      ChangeBatch: {
        Changes: [
          {
            Action: "CREATE",
            ResourceRecordSet: {
              ...{ Name: ALIAS, Type: "A", TTL: 60, ResourceRecords: [{ Value: "192.0.2.7" }] },
              ...{ SetIdentifier: "blue", Weight: 1 },
            },
          },
        ],
      },
    }),
  );
  await expect(claim(older)).rejects.toMatchObject({
    message: `the A record of ${ALIAS} has a routing policy`,
    retry: "fatal",
  });
});

const state = (owner: Claimant): SiteState => ({
  version: 1,
  nonce: "",
  epoch: 1,
  owner: owner.instance,
  address: owner.address,
  privateAddress: owner.privateAddress,
  launched: owner.launched.toISOString(),
  since: owner.launched.toISOString(),
  state: "serving",
});
test.each([
  ["a newer launch", state(older), newer, [], true],
  ["an older launch", state(newer), older, [], false],
  ["an older launch, the owner gone", state(newer), older, [newer.instance], true],
  ["the owner itself", state(newer), newer, [], true],
  ["launches of one second go by their ids", state(older), { ...newer, launched: older.launched }, [], true],
  ["and the other way round", state(newer), { ...older, launched: newer.launched }, [], false],
])("may take: %s", (_, held, me, gone, may) => {
  expect(mayTake(held, me, new Set(gone))).toBe(may);
});

test("fence texts: ours round-trip, others are not read", () => {
  const fence = { epoch: 12, owner: "i-00000001" };
  expect(parseFence(formatFence(fence))).toEqual(fence);
  for (const text of [
    "",
    "v=spf1 -all",
    "x everspot epoch=1 owner=i-1",
    "everspot epoch=-1 owner=i-1",
    "everspot epoch=1 owner=",
  ])
    expect(parseFence(text)).toBeUndefined();
});
