import { ACMClient, ImportCertificateCommand, ListCertificatesCommand } from "@aws-sdk/client-acm";
import {
  AuthorizeSecurityGroupIngressCommand,
  CreateNetworkInterfaceCommand,
  CreateSecurityGroupCommand,
  CreateSubnetCommand,
  DeleteNetworkInterfaceCommand,
  DeleteSecurityGroupCommand,
  DeleteSubnetCommand,
  DescribeSecurityGroupsCommand,
  DescribeSubnetsCommand,
  DescribeVpcsCommand,
  EC2Client,
} from "@aws-sdk/client-ec2";
import { type Change, ChangeResourceRecordSetsCommand, Route53Client } from "@aws-sdk/client-route-53";
import { S3Client } from "@aws-sdk/client-s3";
import { DescribeParametersCommand, PutParameterCommand, SSMClient } from "@aws-sdk/client-ssm";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { selfSigned } from "../../../agent/certificate/self-signed.ts";
import { siteDocument, siteState } from "../../../agent/site/documents/site-state.ts";
import type { EverspotError } from "../../../agent/site/errors.ts";
import { createS3Store } from "../../../agent/site/s3-store.ts";
import { runDown } from "../../../provisioner/commands/down.ts";
import { runUp } from "../../../provisioner/commands/up.ts";
import { inventory } from "../../cloud/inventory.ts";
import { type Desk, openDesk } from "../site.ts";

const BUCKET = "everspot-blog-123456789012-us-east-1";
let desk: Desk;
/** The default VPC and what is in it. */
let before: string[];
beforeEach(async () => {
  desk = await openDesk();
  before = await inventory(desk.cloud);
  await runUp(desk.config, desk.tools, { refreshImage: false, wait: false, timeout: 1 });
  await desk.cloud.settled();
});
afterEach(async () => {
  expect(desk.cloud.faults()).toEqual([]);
  await desk.close();
});

const down = (deleteData = false) => runDown(desk.config, desk.tools, { deleteData });
const left = async () => (await inventory(desk.cloud)).filter((found) => !before.includes(found)).sort();

async function addRecords(records: [string, "A" | "TXT", string, number?, object?][]): Promise<void> {
  const client = new Route53Client({ region: "us-east-1" });
  const Changes = records.map(
    ([Name, Type, Value, TTL = 60, routing]): Change => ({
      Action: "CREATE",
      ResourceRecordSet: { Name, Type, TTL, ResourceRecords: [{ Value }], ...routing },
    }),
  );
  await client.send(
    new ChangeResourceRecordSetsCommand({ HostedZoneId: desk.zoneId, ChangeBatch: { Changes } }),
  );
  client.destroy();
}

/** As the agent of an owner leaves things. */
async function own(instance: string, address: string): Promise<void> {
  const client = new S3Client({ region: "us-east-1" });
  const now = "2026-11-21T12:00:00.000Z";
  const state = siteState.parse({
    version: 1,
    nonce: "n",
    epoch: 3,
    owner: instance,
    address,
    privateAddress: "10.83.0.9",
    launched: now,
    since: now,
    state: "serving",
  });
  await createS3Store(client, BUCKET).put(siteDocument.key, JSON.stringify(state));
  client.destroy();
}

test("everything but the data goes, and a second time there is nothing to do", async () => {
  await down();
  expect(await left()).toEqual([`s3 bucket ${BUCKET}`]);
  expect(desk.json()).toMatchObject({ leftovers: [], kept: `s3://${BUCKET}` });
  const mark = desk.cloud.mark();
  await down();
  expect(desk.cloud.writes(mark)).toEqual([]);
});

test("with --delete-data the bucket goes too, old versions and all", async () => {
  await own("i-0123456789abcdef0", "192.0.2.1");
  await own("i-0123456789abcdef0", "192.0.2.2");
  await down(true);
  expect(await left()).toEqual([]);
});

describe("with --delete-data and a certificate in the bucket", () => {
  const store = async (key: string) => {
    const client = new S3Client({ region: "us-east-1" });
    await createS3Store(client, BUCKET).put(key, "x");
    client.destroy();
  };
  const objects = () =>
    desk.cloud.s3.buckets
      .get(BUCKET)
      ?.versions()
      .map((v) => v.key);
  const certificate = ["blog.example.com/ledger.json", "blog.example.com/v/1"].map(
    (k) => `certificates/${k}`,
  );

  test("it and the ledger stay for the next `up`, nothing else, and a second time there is nothing to do", async () => {
    for (const key of certificate) await store(key);
    await down(true);
    expect(objects()).toEqual(certificate);
    expect(desk.json()).toMatchObject({ leftovers: [], kept: `s3://${BUCKET}` });
    expect(desk.said()).toContain("but the certificate");
    const mark = desk.cloud.mark();
    await down(true);
    expect(desk.cloud.writes(mark)).toEqual([]);
    const options = { refreshImage: false, wait: false, timeout: 1 };
    await runUp(desk.config, desk.tools, options);
    await desk.cloud.settled();
    expect(objects()).toEqual(expect.arrayContaining(certificate));
  });

  test("with what a command that was killed left in the Parameter Store", async () => {
    const client = new SSMClient({ region: "us-east-1" });
    const Name = "/everspot-run/blog/20261126T000000-0.DJANGO_SUPERUSER_PASSWORD";
    await client.send(new PutParameterCommand({ Name, Value: "a password", Type: "SecureString" }));
    await down(true);
    const found = await client.send(new DescribeParametersCommand({}));
    client.destroy();
    expect(found.Parameters).toEqual([]);
  });

  test("it goes with --delete-certificate, which says what that costs", async () => {
    for (const key of certificate) await store(key);
    await runDown(desk.config, desk.tools, { deleteData: true, deleteCertificate: true });
    expect(await left()).toEqual([]);
    expect(desk.said()).toContain("of the 5 that Let's Encrypt gives for the same names in 7 days");
  });

  test("--delete-certificate alone is refused", async () => {
    const options = { deleteData: false, deleteCertificate: true };
    await expect(runDown(desk.config, desk.tools, options)).rejects.toMatchObject({ exitCode: 2 });
  });
});

test("the site's records go, in whatever form they are; others stay", async () => {
  await own("i-0123456789abcdef0", "192.0.2.1");
  await addRecords([
    ["blog.example.com", "A", "192.0.2.1", 5, { SetIdentifier: "by hand", Weight: 1 }],
    ["www.blog.example.com", "A", "203.0.113.8"],
    ["_everspot.blog.example.com", "TXT", '"everspot epoch=3 owner=i-0123456789abcdef0"'],
    ["_acme-challenge.blog.example.com", "TXT", '"left by certbot"'],
    ["other.example.com", "A", "192.0.2.1"],
  ]);
  await down(true);
  expect(await left()).toEqual(["route53 A other.example.com", "route53 A www.blog.example.com"]);
});

test("records of someone else's site stay", async () => {
  await addRecords([
    ["blog.example.com", "A", "192.0.2.1"],
    ["_everspot.blog.example.com", "TXT", '"everspot epoch=3 owner=i-0fedcba9876543210"'],
  ]);
  await down(true);
  expect(await left()).toHaveLength(2);
});

test("what the fleet launches while it is being deleted goes too", async () => {
  let once = true;
  desk.cloud.wire.before(async (call) => {
    if (call.operation !== "DeleteFleets" || !once) return;
    once = false;
    const [instance] = desk.cloud.ec2.instances.list().filter((i) => i.state === "running");
    if (instance !== undefined) desk.cloud.reclaimNow(instance.id);
    await desk.cloud.settled();
  });
  await down(true);
  expect(once).toBe(false);
  expect(await left()).toEqual([]);
});

test("instances, load balancers and rules of others in the site's network are named, and the rest goes", async () => {
  const ec2 = new EC2Client({ region: "us-east-1" });
  const own = { Filters: [{ Name: "tag:everspot:site", Values: ["blog"] }] };
  const subnet = (await ec2.send(new DescribeSubnetsCommand(own))).Subnets?.[0];
  const group = (await ec2.send(new DescribeSecurityGroupsCommand(own))).SecurityGroups?.[0]?.GroupId ?? "";
  const balancer = await ec2.send(
    new CreateNetworkInterfaceCommand({
      SubnetId: subnet?.SubnetId,
      Groups: [group],
      Description: "ELB app/shop/1f",
    }),
  );
  const other = await ec2.send(
    new CreateSecurityGroupCommand({ GroupName: "shop", Description: "d", VpcId: subnet?.VpcId }),
  );
  const IpPermissions = [{ IpProtocol: "-1", UserIdGroupPairs: [{ GroupId: group }] }];
  const rule = new AuthorizeSecurityGroupIngressCommand({ GroupId: other.GroupId, IpPermissions });
  await ec2.send(rule);
  const face = balancer.NetworkInterface?.NetworkInterfaceId;
  const refused = (await down(true).catch((e: EverspotError) => e)) as EverspotError;
  expect(refused.lines).toEqual([
    `security group ${group}`,
    `subnet ${subnet?.SubnetId}`,
    `VPC ${subnet?.VpcId}`,
    "in the way, and not part of this site:",
    `  load balancer app/shop/1f (network interface ${face})`,
    `  security group ${other.GroupId} (shop) names it in a rule`,
    `  security group ${other.GroupId} (shop)`,
  ]);
  expect(refused.hint).toContain("move it out of the site's VPC");
  expect((await left()).filter((l) => /iam|s3|fleet|template/.test(l))).toEqual([]);
  await ec2.send(new DeleteNetworkInterfaceCommand({ NetworkInterfaceId: face }));
  await ec2.send(new DeleteSecurityGroupCommand({ GroupId: other.GroupId }));
  ec2.destroy();
  await down(true);
  expect(await left()).toEqual([]);
});

test("what cannot be deleted is named with AWS's reason, and the next run finishes", async () => {
  const ec2 = new EC2Client({ region: "us-east-1" });
  const vpcs = await ec2.send(
    new DescribeVpcsCommand({ Filters: [{ Name: "tag:everspot:site", Values: ["blog"] }] }),
  );
  const foreign = await ec2.send(
    new CreateSubnetCommand({ VpcId: vpcs.Vpcs?.[0]?.VpcId, CidrBlock: "10.83.240.0/20" }),
  );
  const id = foreign.Subnet?.SubnetId;
  const refused = await down(true).catch((e: EverspotError) => e);
  expect(refused).toMatchObject({
    message: "something of blog is still there",
    lines: [
      `VPC ${vpcs.Vpcs?.[0]?.VpcId}`,
      "in the way, and not part of this site:",
      `  subnet ${id} (10.83.240.0/20)`,
    ],
    exitCode: 1,
  });
  // All the rest is gone, and no one waited five minutes.
  expect(await left()).toHaveLength(4);
  expect(desk.json()).toMatchObject({ seconds: expect.closeTo(20, -1) });
  await ec2.send(new DeleteSubnetCommand({ SubnetId: id }));
  ec2.destroy();
  await down(true);
  expect(await left()).toEqual([]);
});

test("another site is left alone", async () => {
  const dev = { ...desk.config, site: "blog-dev", domain: "dev.example.com", aliases: [] };
  await runUp(dev, desk.tools, { refreshImage: false, wait: false, timeout: 1 });
  await desk.cloud.settled();
  await down(true);
  const mark = desk.cloud.mark();
  await runUp(dev, desk.tools, { refreshImage: false, wait: false, timeout: 1 });
  expect(desk.cloud.writes(mark)).toEqual([]);
});

test("secrets and the certificate's copy in ACM are data: kept, or deleted with the rest of it", async () => {
  const ssm = new SSMClient({ region: "us-east-1" });
  const acm = new ACMClient({ region: "us-east-1" });
  for (let n = 0; n < 12; n++) {
    await ssm.send(
      new PutParameterCommand({ Name: `/everspot/blog/S${n}`, Value: "x", Type: "SecureString" }),
    );
  }
  await ssm.send(new PutParameterCommand({ Name: "/everspot/other/S", Value: "x", Type: "SecureString" }));
  const { key, chain } = selfSigned(["blog.example.com"], new Date());
  const pair = { Certificate: Buffer.from(chain), PrivateKey: Buffer.from(key) };
  const tag = (site: string) => [{ Key: "everspot:site", Value: site }];
  await acm.send(new ImportCertificateCommand({ ...pair, Tags: tag("blog") }));
  const other = await acm.send(new ImportCertificateCommand({ ...pair, Tags: tag("other") }));
  const names = async () =>
    (await ssm.send(new DescribeParametersCommand({}))).Parameters?.map((p) => p.Name);
  const arns = async () =>
    (
      await acm.send(new ListCertificatesCommand({ Includes: { keyTypes: ["EC_prime256v1"] } }))
    ).CertificateSummaryList?.map((c) => c.CertificateArn);

  await down();
  expect(await names()).toHaveLength(13);
  expect(await arns()).toHaveLength(2);
  await down(true);
  expect(await names()).toEqual(["/everspot/other/S"]);
  expect(await arns()).toEqual([other.CertificateArn]);
  ssm.destroy();
  acm.destroy();
});
