import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { CreateHostedZoneCommand, Route53Client } from "@aws-sdk/client-route-53";
import { CreateBucketCommand } from "@aws-sdk/client-s3";
import { afterEach, beforeEach, expect, test } from "vitest";
import { createCertificateManager } from "../../../agent/aws/acm.ts";
import { type Clients, createClients } from "../../../agent/aws/clients.ts";
import { createPeers } from "../../../agent/aws/ec2.ts";
import { createZone } from "../../../agent/aws/route53.ts";
import { createSecrets } from "../../../agent/aws/ssm.ts";
import { callLimits, type streamLimits } from "../../../agent/site/call-limits.ts";
import { createS3Store } from "../../../agent/site/s3-store.ts";
import { type Cloud, startCloud } from "../../cloud/cloud.ts";

const ACCOUNT = "123456789012";
const BUCKET = "everspot-blog";
const LIMIT = 150;
const short = { ...callLimits, connectionTimeout: LIMIT, requestTimeout: LIMIT, socketTimeout: LIMIT };

let cloud: Cloud;
let clients: Clients;
beforeEach(async () => {
  cloud = await startCloud();
  process.env.AWS_ENDPOINT_URL = cloud.endpoint;
  clients = make(ACCOUNT);
});
afterEach(async () => {
  for (const client of Object.values(clients)) client.destroy();
  cloud.wire.speak();
  await cloud.close();
});

const make = (account: string): Clients =>
  createClients(
    {
      ...{ region: cloud.region, account },
      credentials: async () => ({
        ...{ accessKeyId: "AKIATEST", secretAccessKey: "test", sessionToken: "" },
        expiration: new Date(Date.now() + 3_600_000),
      }),
    },
    { calls: short, streams: { ...short, requestTimeout: 0 } as typeof streamLimits },
  );

const calls: [string, (of: Clients) => Promise<unknown>][] = [
  ["ec2", (of) => createPeers(of.ec2, "blog").all()],
  ["ssm", (of) => createSecrets(of.ssm, "/everspot/blog/").read()],
  ["route53", (of) => createZone(of.route53, "Z123").find("blog.example", "A")],
  ["acm", (of) => createCertificateManager(of.acm, "blog").describe("arn:aws:acm:us-east-1:1:certificate/a")],
  ["s3", (of) => createS3Store(of.s3, BUCKET).get("site.json")],
  ["s3", (of) => createS3Store(of.s3, BUCKET).head("site.json")],
  ["s3", (of) => createS3Store(of.s3, BUCKET).list("boots/")],
  ["s3", (of) => createS3Store(of.s3, BUCKET).put("site.json", "{}")],
];

test("a service that takes a call and never answers: that is known soon", async () => {
  for (const [service] of calls) cloud.wire.silence(service);
  const silent = calls.map(([service, call]) =>
    expect(call(clients), `${service}: ${call}`).rejects.toMatchObject({
      name: "EverspotError",
      retry: "retry",
    }),
  );
  await Promise.all(silent);
}, 30_000);

test("what is silent for a while is asked again", async () => {
  const client = new Route53Client({ region: cloud.region });
  const made = await client.send(new CreateHostedZoneCommand({ Name: "blog.example", CallerReference: "1" }));
  client.destroy();
  const zone = createZone(clients.route53, (made.HostedZone?.Id ?? "").replace("/hostedzone/", ""));
  cloud.wire.silence("route53");
  const found = zone.find("blog.example", "NS" as never);
  setTimeout(() => cloud.wire.speak(), LIMIT / 2);
  expect(await found).toBeDefined();
});

test("a bucket of another account is neither read nor written, whatever is asked of it", async () => {
  await clients.s3.send(new CreateBucketCommand({ Bucket: BUCKET }));
  const folder = await mkdtemp(join(tmpdir(), "owner-"));
  const file = join(folder, "file");
  await writeFile(file, "x");
  const own = createS3Store(clients.s3, BUCKET);
  await own.put("a", "1");
  expect((await own.list("")).length).toBe(1);

  const elsewhere = make("999999999999");
  const store = createS3Store(elsewhere.s3, BUCKET);
  const calls: (() => Promise<unknown>)[] = [
    ...[() => store.get("a"), () => store.head("a"), () => store.put("a", "2"), () => store.list("")],
    ...[() => store.upload("a", file), () => store.download("a", file)],
  ];
  for (const call of calls) await expect(call()).rejects.toThrow(/Access|denied|403|Unknown/i);
  await rm(folder, { recursive: true });
  for (const client of Object.values(elsewhere)) client.destroy();
  expect(cloud.wire.calls.filter((call) => call.input.ExpectedBucketOwner === "999999999999")).toHaveLength(
    6,
  );
  expect(new TextDecoder().decode((await own.get("a"))?.body)).toBe("1");
});
