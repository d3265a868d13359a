import {
  type Change,
  ChangeResourceRecordSetsCommand,
  ChangeTagsForResourceCommand,
  CreateHostedZoneCommand,
  DeleteHostedZoneCommand,
  GetChangeCommand,
  GetHostedZoneCommand,
  ListHostedZonesByNameCommand,
  ListHostedZonesCommand,
  ListResourceRecordSetsCommand,
  ListTagsForResourceCommand,
  Route53Client,
  type RRType,
} from "@aws-sdk/client-route-53";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { ManualClock } from "./manual-clock.ts";
import { priorRequestNotComplete, Route53, throttling } from "./route53.ts";
import { WireServer } from "./wire/server.ts";

let clock: ManualClock;
let wire: WireServer;
let route53: Route53;
let client: Route53Client;
let zone: string;

beforeEach(async () => {
  clock = new ManualClock();
  wire = new WireServer();
  route53 = new Route53(wire, { clock });
  await wire.start();
  client = new Route53Client({ endpoint: wire.endpoint, maxAttempts: 1 });
  zone = await createZone("example.com");
});
afterEach(async () => {
  client.destroy();
  await wire.stop();
  expect(wire.faults).toEqual([]);
});

async function createZone(Name: string): Promise<string> {
  const made = await client.send(
    new CreateHostedZoneCommand({ Name, CallerReference: `${Name} ${Math.random()}` }),
  );
  return made.HostedZone?.Id ?? "";
}

const set = (
  Action: Change["Action"],
  Name: string,
  Type: RRType,
  values: readonly string[],
  TTL = 60,
): Change => ({
  Action,
  ResourceRecordSet: { Name, Type, TTL, ResourceRecords: values.map((Value) => ({ Value })) },
});
const apply = (...Changes: Change[]) =>
  client.send(new ChangeResourceRecordSetsCommand({ HostedZoneId: zone, ChangeBatch: { Changes } }));
const list = (more: object = {}) =>
  client.send(new ListResourceRecordSetsCommand({ HostedZoneId: zone, ...more }));
/** Name, type and values of everything but the zone's own NS and SOA. */
const records = async () =>
  ((await list()).ResourceRecordSets ?? [])
    .filter((r) => r.Type !== "NS" && r.Type !== "SOA")
    .map((r) => [r.Name, r.Type, ...(r.ResourceRecords ?? []).map((v) => v.Value)]);

describe("batches", () => {
  test("CREATE, UPSERT and DELETE", async () => {
    await apply(set("CREATE", "a.example.com", "A", ["192.0.2.1"]));
    await apply(
      set("UPSERT", "a.example.com.", "A", ["192.0.2.2", "192.0.2.3"]),
      set("UPSERT", "b.example.com", "TXT", ['"x"']),
    );
    expect(await records()).toEqual([
      ["a.example.com.", "A", "192.0.2.2", "192.0.2.3"],
      ["b.example.com.", "TXT", '"x"'],
    ]);
    // Values may come in any order.
    await apply(set("DELETE", "A.EXAMPLE.com", "A", ["192.0.2.3", "192.0.2.2"]));
    expect(await records()).toEqual([["b.example.com.", "TXT", '"x"']]);
  });

  test("all or nothing, with every complaint", async () => {
    await apply(set("CREATE", "a.example.com", "A", ["192.0.2.1"]));
    await expect(
      apply(
        set("CREATE", "new.example.com", "A", ["192.0.2.9"]),
        set("CREATE", "a.example.com", "A", ["192.0.2.2"]),
        set("DELETE", "b.example.com", "A", ["192.0.2.2"]),
      ),
    ).rejects.toMatchObject({
      name: "InvalidChangeBatch",
      message:
        "[Tried to create resource record set [name='a.example.com.', type='A'] but it already exists, Tried to delete resource record set [name='b.example.com.', type='A'] but it was not found]",
    });
    expect(await records()).toEqual([["a.example.com.", "A", "192.0.2.1"]]);
  });

  test("replacing in one batch: DELETE of the exact old, CREATE of the new", async () => {
    await apply(set("CREATE", "a.example.com", "A", ["192.0.2.1"]));
    await apply(
      set("DELETE", "a.example.com", "A", ["192.0.2.1"]),
      set("CREATE", "a.example.com", "A", ["192.0.2.2"], 5),
    );
    expect(await records()).toEqual([["a.example.com.", "A", "192.0.2.2"]]);
  });

  test.each<[string, Change]>([
    ["another value", set("DELETE", "a.example.com", "A", ["192.0.2.2"])],
    ["one value of two", set("DELETE", "a.example.com", "A", ["192.0.2.1", "192.0.2.2"])],
    ["another TTL", set("DELETE", "a.example.com", "A", ["192.0.2.1"], 61)],
  ])("DELETE with %s is refused", async (_, change) => {
    await apply(set("CREATE", "a.example.com", "A", ["192.0.2.1"]));
    await expect(apply(change)).rejects.toThrow("but the values provided do not match the current values");
    expect(await records()).toHaveLength(1);
  });

  test.each<[string, Change, RegExp]>([
    [
      "outside the zone",
      set("CREATE", "example.org", "A", ["192.0.2.1"]),
      /is not permitted in zone example\.com\./,
    ],
    [
      "in the zone's name only at the end",
      set("CREATE", "notexample.com", "A", ["192.0.2.1"]),
      /is not permitted in zone/,
    ],
    ["no address", set("CREATE", "a.example.com", "A", ["192.0.2.256"]), /Value is not a valid IPv4 address/],
    ["text without quotes", set("CREATE", "a.example.com", "TXT", ["x"]), /enclosed in quotation marks/],
    [
      "text too long for one string",
      set("CREATE", "a.example.com", "TXT", [`"${"x".repeat(256)}"`]),
      /CharacterStringTooLong/,
    ],
    [
      "twice the same value",
      set("CREATE", "a.example.com", "A", ["192.0.2.1", "192.0.2.1"]),
      /Duplicate Resource Record/,
    ],
    [
      "CNAME at the apex",
      set("CREATE", "example.com", "CNAME", ["a.example."]),
      /not permitted at apex in zone example\.com\./,
    ],
    [
      "CNAME beside others",
      set("CREATE", "txt.example.com", "CNAME", ["a.example."]),
      /conflicts with other records/,
    ],
    [
      "others beside a CNAME",
      set("CREATE", "cname.example.com", "A", ["192.0.2.1"]),
      /conflicts with other records/,
    ],
    ["an empty label", set("CREATE", "a..example.com", "A", ["192.0.2.1"]), /is not permitted/],
  ])("refused: %s", async (_, change, message) => {
    await apply(
      set("CREATE", "txt.example.com", "TXT", ['"x"']),
      set("CREATE", "cname.example.com", "CNAME", ["x.example."]),
    );
    await expect(apply(change)).rejects.toMatchObject({
      name: "InvalidChangeBatch",
      message: expect.stringMatching(message),
    });
  });

  test("a batch that is no batch is invalid input", async () => {
    await expect(apply()).rejects.toMatchObject({ name: "InvalidInput" });
    const noTtl: Change = { Action: "CREATE", ResourceRecordSet: { Name: "a.example.com", Type: "A" } };
    await expect(apply(noTtl)).rejects.toMatchObject({
      name: "InvalidInput",
      message: expect.stringContaining(
        "but found none in Change with [Action=CREATE, Name=a.example.com., Type=A, SetIdentifier=null]",
      ),
    });
    await expect(
      apply(set("REPLACE" as "CREATE", "a.example.com", "A", ["192.0.2.1"])),
    ).rejects.toMatchObject({ name: "InvalidInput" });
  });

  test("at most 1000 records, an UPSERT counted twice", async () => {
    const many = (n: number) => Array.from({ length: n }, (_, i) => `192.0.${i >> 8}.${i & 255}`);
    await expect(apply(set("CREATE", "a.example.com", "A", many(1001)))).rejects.toThrow(
      "limit of 1000 exceeded",
    );
    await expect(apply(set("UPSERT", "a.example.com", "A", many(501)))).rejects.toThrow(
      "limit of 1000 exceeded",
    );
    await apply(set("UPSERT", "a.example.com", "A", many(500)));
  });

  test("the zone's own NS and SOA stay", async () => {
    const ns = (await list()).ResourceRecordSets?.find((r) => r.Type === "NS");
    await expect(apply({ Action: "DELETE", ResourceRecordSet: ns })).rejects.toThrow(
      "at least one NS record for the zone itself",
    );
  });

  test("an alias to a name of the same zone", async () => {
    const AliasTarget = {
      HostedZoneId: zone.replace("/hostedzone/", ""),
      DNSName: "a.example.com",
      EvaluateTargetHealth: false,
    };
    await apply({ Action: "CREATE", ResourceRecordSet: { Name: "example.com", Type: "A", AliasTarget } });
    const [alias] = (await list()).ResourceRecordSets ?? [];
    expect(alias).toMatchObject({
      Name: "example.com.",
      Type: "A",
      AliasTarget: { DNSName: "a.example.com." },
    });
    expect(alias?.TTL).toBeUndefined();
    await expect(apply(set("DELETE", "example.com", "A", ["192.0.2.1"]))).rejects.toThrow("do not match");
  });

  describe("routing policies", () => {
    const one = (Action: Change["Action"], SetIdentifier: string, value: string, policy: object): Change => ({
      Action,
      ResourceRecordSet: {
        ...{ Name: "a.example.com", Type: "A", TTL: 60, ResourceRecords: [{ Value: value }] },
        ...{ SetIdentifier, ...policy },
      },
    });
    const weighted = (Action: Change["Action"], id: string, value: string, Weight: number) =>
      one(Action, id, value, { Weight });

    test.each([{ Weight: 7 }, { Region: "eu-west-1" }, { Failover: "PRIMARY" }, { MultiValueAnswer: true }])(
      "%o is kept and listed",
      async (policy) => {
        await apply(one("CREATE", "blue", "192.0.2.1", policy));
        const [found] = (await list({ StartRecordName: "a.example.com" })).ResourceRecordSets ?? [];
        expect(found).toMatchObject({ SetIdentifier: "blue", ...policy });
        await apply({ Action: "DELETE", ResourceRecordSet: found });
        expect(await records()).toEqual([]);
      },
    );

    test("sets of one name, page by page", async () => {
      await apply(weighted("CREATE", "blue", "192.0.2.1", 1), weighted("CREATE", "green", "192.0.2.2", 9));
      const page = await list({ StartRecordName: "a.example.com", MaxItems: 1 });
      expect(page).toMatchObject({ NextRecordName: "a.example.com.", NextRecordIdentifier: "green" });
      const rest = await list({
        ...{ StartRecordName: page.NextRecordName, StartRecordType: page.NextRecordType },
        StartRecordIdentifier: page.NextRecordIdentifier,
      });
      expect(rest.ResourceRecordSets?.[0]).toMatchObject({ SetIdentifier: "green", Weight: 9 });
    });

    test("no simple record beside them, and they are deleted only as they are", async () => {
      await apply(weighted("CREATE", "blue", "192.0.2.1", 1));
      const refused = (change: Change) => expect(apply(change)).rejects;
      await refused(set("UPSERT", "a.example.com", "A", ["192.0.2.9"])).toThrow("other RRSets exist");
      await refused(one("CREATE", "green", "192.0.2.2", { Region: "eu-west-1" })).toThrow(
        "other RRSets exist",
      );
      await refused(set("DELETE", "a.example.com", "A", ["192.0.2.1"])).toThrow("was not found");
      await refused(weighted("DELETE", "blue", "192.0.2.1", 2)).toThrow("do not match");
      await refused(one("CREATE", "x", "192.0.2.1", {})).toMatchObject({ name: "InvalidInput" });
    });
  });
});

describe("changes", () => {
  test("are PENDING, then INSYNC", async () => {
    route53.delays.insyncMs = 30_000;
    const { ChangeInfo } = await apply(set("CREATE", "a.example.com", "A", ["192.0.2.1"]));
    expect(ChangeInfo).toMatchObject({ Status: "PENDING", SubmittedAt: new Date(clock.now()) });
    const status = async () =>
      (await client.send(new GetChangeCommand({ Id: ChangeInfo?.Id }))).ChangeInfo?.Status;
    await clock.advance(29_999);
    expect(await status()).toBe("PENDING");
    await clock.advance(1);
    expect(await status()).toBe("INSYNC");
    await expect(client.send(new GetChangeCommand({ Id: "C0" }))).rejects.toMatchObject({
      name: "NoSuchChange",
    });
  });

  test("can be refused for a while", async () => {
    wire.disturb("route53", "ChangeResourceRecordSets", { error: priorRequestNotComplete() });
    wire.disturb("route53", "ChangeResourceRecordSets", { error: throttling() }, 2);
    const change = set("CREATE", "a.example.com", "A", ["192.0.2.1"]);
    await expect(apply(change)).rejects.toMatchObject({
      name: "PriorRequestNotComplete",
      $metadata: { httpStatusCode: 400 },
    });
    await expect(apply(change)).rejects.toMatchObject({
      name: "Throttling",
      $metadata: { httpStatusCode: 400 },
    });
    await apply(change);
  });
});

describe("listing records", () => {
  beforeEach(() =>
    apply(
      ...[
        "b.example.com",
        "*.example.com",
        "example.com",
        "a.b.example.com",
        "a.example.com",
        "b-.example.com",
      ].map((name) => set("CREATE", name, "A", ["192.0.2.1"])),
      set("CREATE", "b.example.com", "TXT", ['"x"']),
    ),
  );
  const order = [
    ["example.com.", "A"],
    ["example.com.", "NS"],
    ["example.com.", "SOA"],
    ["\\052.example.com.", "A"],
    ["a.example.com.", "A"],
    // "com.example.b-." comes before "com.example.b.": the dot is part of the name.
    ["b-.example.com.", "A"],
    ["b.example.com.", "A"],
    ["b.example.com.", "TXT"],
    ["a.b.example.com.", "A"],
  ];
  const named = async (more: object) =>
    ((await list(more)).ResourceRecordSets ?? []).map((r) => [r.Name, r.Type]);

  test("by reversed labels, then by type", async () => {
    expect(await named({})).toEqual(order);
  });

  test("page by page", async () => {
    const seen: unknown[] = [];
    let start: object = {};
    for (;;) {
      const page = await list({ MaxItems: 2, ...start });
      expect(page.MaxItems).toBe(2);
      seen.push(...(page.ResourceRecordSets ?? []).map((r) => [r.Name, r.Type]));
      if (!page.IsTruncated) break;
      start = { StartRecordName: page.NextRecordName, StartRecordType: page.NextRecordType };
    }
    expect(seen).toEqual(order);
  });

  test("from a name and a type on, not only that", async () => {
    expect(await named({ StartRecordName: "B.example.com", MaxItems: 2 })).toEqual([order[6], order[7]]);
    expect(await named({ StartRecordName: "b.example.com", StartRecordType: "NS" })).toEqual(order.slice(7));
    expect(await named({ StartRecordName: "aa.example.com", MaxItems: 1 })).toEqual([order[5]]);
    expect(await named({ StartRecordName: "*.example.com", MaxItems: 1 })).toEqual([order[3]]);
    await expect(list({ StartRecordType: "A" })).rejects.toMatchObject({ name: "InvalidInput" });
  });
});

describe("zones", () => {
  test("have name servers, NS and SOA of their own", async () => {
    const { HostedZone, DelegationSet } = await client.send(new GetHostedZoneCommand({ Id: zone }));
    expect(HostedZone).toMatchObject({ Name: "example.com.", ResourceRecordSetCount: 2 });
    expect(DelegationSet?.NameServers).toHaveLength(4);
    const [ns, soa] = (await list()).ResourceRecordSets ?? [];
    expect(ns).toMatchObject({ Name: "example.com.", Type: "NS", TTL: 172_800 });
    expect(ns?.ResourceRecords?.map((r) => r.Value)).toEqual(DelegationSet?.NameServers?.map((n) => `${n}.`));
    expect(soa?.ResourceRecords?.[0]?.Value).toMatch(
      /^ns-\d+\.awsdns-\d\d\.com\. awsdns-hostmaster\.amazon\.com\. 1 7200 900 1209600 86400$/,
    );
  });

  test("go when they are empty", async () => {
    const change = set("CREATE", "a.example.com", "A", ["192.0.2.1"]);
    await apply(change);
    await expect(client.send(new DeleteHostedZoneCommand({ Id: zone }))).rejects.toMatchObject({
      name: "HostedZoneNotEmpty",
    });
    await apply({ ...change, Action: "DELETE" });
    await client.send(new DeleteHostedZoneCommand({ Id: zone }));
    await expect(list()).rejects.toMatchObject({
      name: "NoSuchHostedZone",
      $metadata: { httpStatusCode: 404 },
    });
  });

  test("a caller reference makes one zone, a name as many as one likes", async () => {
    const command = new CreateHostedZoneCommand({ Name: "x.example", CallerReference: "once" });
    await client.send(command);
    await expect(client.send(command)).rejects.toMatchObject({ name: "HostedZoneAlreadyExists" });
    await createZone("x.example");
    const [first, second] = [...route53.zones.all.values()].filter((z) => z.name === "x.example.");
    // A name's parent delegates to one of them.
    expect([first?.elsewhere, second?.elsewhere]).toEqual([undefined, first?.nameServers]);
    route53.delegated(second?.id ?? "", true);
    expect([first?.elsewhere, second?.elsewhere]).toEqual([second?.nameServers, undefined]);
    await expect(createZone("bad..example")).rejects.toMatchObject({ name: "InvalidDomainName" });
  });

  test("are listed by name from a name on, by reversed labels", async () => {
    for (const name of ["z.org", "b.com", "a.example.com", "example.org"]) await createZone(name);
    const twin = await createZone("example.com");
    const names = async (more: object) =>
      ((await client.send(new ListHostedZonesByNameCommand(more))).HostedZones ?? []).map((z) => z.Name);
    const all = ["b.com.", "example.com.", "example.com.", "a.example.com.", "example.org.", "z.org."];
    expect(await names({})).toEqual(all);
    expect(await names({ DNSName: "example.com" })).toEqual(all.slice(1));
    expect(await names({ DNSName: "nothing.com", MaxItems: 1 })).toEqual(["example.org."]);
    const page = await client.send(new ListHostedZonesByNameCommand({ DNSName: "example.com", MaxItems: 1 }));
    expect(page).toMatchObject({ IsTruncated: true, NextDNSName: "example.com.", DNSName: "example.com" });
    const [first, second] = [zone, twin].map((z) => z.replace("/hostedzone/", "")).sort();
    expect(page.HostedZones?.[0]?.Id).toBe(`/hostedzone/${first}`);
    expect(page.NextHostedZoneId).toBe(second);
    expect(await names({ DNSName: page.NextDNSName, HostedZoneId: page.NextHostedZoneId })).toEqual(
      all.slice(2),
    );
  });

  test("are listed by pages", async () => {
    for (const name of ["b.com", "c.com"]) await createZone(name);
    const first = await client.send(new ListHostedZonesCommand({ MaxItems: 2 }));
    expect(first).toMatchObject({ IsTruncated: true, MaxItems: 2 });
    const rest = await client.send(new ListHostedZonesCommand({ Marker: first.NextMarker }));
    expect([...(first.HostedZones ?? []), ...(rest.HostedZones ?? [])]).toHaveLength(3);
    expect(rest.IsTruncated).toBe(false);
  });

  test("have tags", async () => {
    const ResourceId = zone.replace("/hostedzone/", "");
    const on = { ResourceType: "hostedzone", ResourceId } as const;
    await client.send(
      new ChangeTagsForResourceCommand({
        ...on,
        AddTags: [
          { Key: "a", Value: "1" },
          { Key: "b", Value: "2" },
        ],
      }),
    );
    await client.send(new ChangeTagsForResourceCommand({ ...on, RemoveTagKeys: ["a"] }));
    const { ResourceTagSet } = await client.send(new ListTagsForResourceCommand(on));
    expect(ResourceTagSet?.Tags).toEqual([{ Key: "b", Value: "2" }]);
    expect(route53.tagsOf(`arn:aws:route53:::hostedzone/${ResourceId}`)).toEqual({ b: "2" });
  });
});
