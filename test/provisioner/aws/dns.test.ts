import {
  type Change,
  ChangeResourceRecordSetsCommand,
  CreateHostedZoneCommand,
  Route53Client,
} from "@aws-sdk/client-route-53";
import { afterAll, beforeAll, expect, test } from "vitest";
import { createDns } from "../../../provisioner/aws/dns.ts";
import { Route53 } from "../../cloud/route53.ts";
import { WireServer } from "../../cloud/wire/server.ts";

let wire: WireServer;
let client: Route53Client;
beforeAll(async () => {
  wire = new WireServer();
  new Route53(wire);
  await wire.start();
  client = new Route53Client({ endpoint: wire.endpoint, maxAttempts: 1 });
});
afterAll(async () => {
  client.destroy();
  await wire.stop();
  expect(wire.faults).toEqual([]);
});

/** A zone with addresses of so many names, w0 to wN, besides its own. */
async function zoneOf(name: string, count: number): Promise<string> {
  const made = await client.send(new CreateHostedZoneCommand({ Name: name, CallerReference: name }));
  const Changes = Array.from(
    { length: count },
    (_, i): Change => ({
      Action: "CREATE",
      ResourceRecordSet: {
        ...{ Name: `w${i}.${name}`, Type: "A", TTL: 60 },
        ResourceRecords: [{ Value: `192.0.2.${i % 250}` }],
      },
    }),
  );
  const HostedZoneId = made.HostedZone?.Id;
  await client.send(new ChangeResourceRecordSetsCommand({ HostedZoneId, ChangeBatch: { Changes } }));
  return (HostedZoneId ?? "").replace("/hostedzone/", "");
}

const asked = () => wire.calls.filter(({ operation }) => operation === "ListResourceRecordSets").length;

test.each([
  ["one answer", "small.example", 20, 1],
  ["more than one answer", "large.example", 320, 4],
])("records of names in a zone of %s", async (_, name, count, calls) => {
  const zone = await zoneOf(name, count);
  const before = asked();
  const found = await createDns(client).recordsAt(zone, [`w7.${name}`, name, `nothing.${name}`]);
  expect(found.map((r) => `${r.type} ${r.name}`).toSorted()).toEqual([
    `A w7.${name}`,
    `NS ${name}`,
    `SOA ${name}`,
  ]);
  expect(asked() - before).toBe(calls);
});
