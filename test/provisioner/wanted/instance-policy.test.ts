import * as cwl from "@aws-sdk/client-cloudwatch-logs";
import * as ec2 from "@aws-sdk/client-ec2";
import * as r53 from "@aws-sdk/client-route-53";
import * as s3 from "@aws-sdk/client-s3";
import * as ssm from "@aws-sdk/client-ssm";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { runUp } from "../../../provisioner/commands/up.ts";
import { parseConfig } from "../../../provisioner/config/load.ts";
import { instancePolicy } from "../../../provisioner/wanted/instance-policy.ts";
import { parsePolicy } from "../../cloud/iam/document.ts";
import { evaluate } from "../../cloud/iam/evaluate.ts";
import { contextOf } from "../../cloud/iam/match.ts";
import { type Desk, MINIMAL, openDesk } from "../site.ts";

const bucket = "everspot-blog-123456789012-us-east-1";
let desk: Desk;
let as: {
  region: string;
  maxAttempts: number;
  credentials: { accessKeyId: string; secretAccessKey: string; sessionToken: string };
};
let instance: string;
let foreign: string;

/** The policy as `up` makes it, evaluated by the local IAM for the credentials that the instance really gets. */
beforeAll(async () => {
  desk = await openDesk();
  await runUp(desk.config, desk.tools, { refreshImage: false, wait: false, timeout: 1 });
  await desk.cloud.settled();
  const owner = new ec2.EC2Client({ region: "us-east-1" });
  const found = await owner.send(new ec2.DescribeInstancesCommand({}));
  instance = found.Reservations?.[0]?.Instances?.[0]?.InstanceId ?? "";
  const other = await owner.send(
    new ec2.RunInstancesCommand({
      ImageId: found.Reservations?.[0]?.Instances?.[0]?.ImageId,
      InstanceType: "t3.micro",
      MinCount: 1,
      MaxCount: 1,
      TagSpecifications: [{ ResourceType: "instance", Tags: [{ Key: "everspot:site", Value: "other" }] }],
    }),
  );
  foreign = other.Instances?.[0]?.InstanceId ?? "";
  const role = await desk.cloud.iam.instances.credentials(
    desk.cloud.iam.instances.find("everspot-blog") ?? expect.fail("no instance profile"),
    instance,
  );
  if (role === undefined) expect.fail("the profile has no role");
  as = {
    region: "us-east-1",
    maxAttempts: 1,
    credentials: {
      accessKeyId: role.accessKeyId,
      secretAccessKey: role.secretAccessKey,
      sessionToken: role.sessionToken,
    },
  };
});
afterAll(async () => {
  await desk?.close();
});

const denied = /AccessDenied|UnauthorizedOperation/;
const refused = (call: Promise<unknown>) =>
  expect(call).rejects.toHaveProperty("name", expect.stringMatching(denied));

test("writes its site's log and no other one, and deletes none", async () => {
  const client = new cwl.CloudWatchLogsClient(as);
  const put = async (logGroupName: string) => {
    const stream = { logGroupName, logStreamName: `agent/${instance}` };
    await client.send(new cwl.CreateLogStreamCommand(stream));
    const logEvents = [{ timestamp: Date.now(), message: "x" }];
    await client.send(new cwl.PutLogEventsCommand({ ...stream, logEvents }));
    await client.send(new cwl.FilterLogEventsCommand({ logGroupName }));
  };
  await put("everspot-blog");
  desk.cloud.logGroups.groups.create("everspot-other", {}, undefined);
  await refused(put("everspot-other"));
  await refused(client.send(new cwl.DeleteLogGroupCommand({ logGroupName: "everspot-blog" })));
  const keep = { logGroupName: "everspot-blog", retentionInDays: 1 };
  await refused(client.send(new cwl.PutRetentionPolicyCommand(keep)));
  await refused(client.send(new cwl.CreateLogGroupCommand({ logGroupName: "everspot-more" })));
});

describe("objects", () => {
  const put = (Bucket: string, Key: string) =>
    new s3.S3Client(as).send(new s3.PutObjectCommand({ Bucket, Key, Body: "x" }));

  test.each([
    "site.json",
    "channel.json",
    "deploy.json",
    "bell.json",
    "replacements.json",
    "boots/i-1.json",
    "history/x.json",
    "runs/told/run-1.json",
    "layers/packages/x.tar.gz",
    "certificates/a/ledger.json",
  ])("writes and reads %s", async (key) => {
    await put(bucket, key);
    const client = new s3.S3Client(as);
    await client.send(new s3.GetObjectCommand({ Bucket: bucket, Key: key }));
    // A missing one is told from a forbidden one only to those who may list.
    await expect(
      client.send(new s3.GetObjectCommand({ Bucket: bucket, Key: `${key}.missing` })),
    ).rejects.toHaveProperty("name", key.includes("/") ? "NoSuchKey" : "AccessDenied");
  });

  test("does not write what it is to run", async () => {
    await refused(put(bucket, "releases/first.zip"));
    await refused(put(bucket, "agent/abc.tar.gz"));
    await refused(put(bucket, "layers/bytecode/abc.tar.gz"));
    await refused(put(bucket, "packages.json"));
    await refused(put(bucket, "image.json"));
    await refused(put(bucket, "runs/asked/run-1.json"));
    await refused(put(bucket, "anything"));
  });

  test("reads what it is asked to run", async () => {
    const Key = "runs/asked/run-1.json";
    const operator = new s3.S3Client({ region: "us-east-1" });
    await operator.send(new s3.PutObjectCommand({ Bucket: bucket, Key, Body: "x" }));
    await new s3.S3Client(as).send(new s3.GetObjectCommand({ Bucket: bucket, Key }));
  });

  test("deletes nothing, and knows no other site's bucket", async () => {
    const client = new s3.S3Client(as);
    await refused(client.send(new s3.DeleteObjectCommand({ Bucket: bucket, Key: "site.json" })));
    await new s3.S3Client({ region: "us-east-1" }).send(
      new s3.CreateBucketCommand({ Bucket: "everspot-other-123456789012-us-east-1" }),
    );
    await refused(put("everspot-other-123456789012-us-east-1", "site.json"));
    await refused(
      client.send(
        new s3.GetObjectCommand({ Bucket: "everspot-other-123456789012-us-east-1", Key: "site.json" }),
      ),
    );
    await refused(client.send(new s3.PutBucketPolicyCommand({ Bucket: bucket, Policy: "{}" })));
  });
});

describe("records", () => {
  const change = (...names: [string, "A" | "TXT" | "CNAME" | "MX", string][]) =>
    new r53.Route53Client(as).send(
      new r53.ChangeResourceRecordSetsCommand({
        HostedZoneId: desk.zoneId,
        ChangeBatch: {
          Changes: names.map(([Name, Type, Value]) => ({
            Action: "CREATE",
            ResourceRecordSet: { Name, Type, TTL: 60, ResourceRecords: [{ Value }] },
          })),
        },
      }),
    );

  test("takes over in one batch, and answers challenges", async () => {
    const made = await change(
      ["blog.example.com", "A", "1.2.3.4"],
      ["www.blog.example.com.", "A", "1.2.3.4"],
      ["_everspot.blog.example.com", "TXT", '"everspot epoch=1 owner=i-1"'],
    );
    await change(["_acme-challenge.www.blog.example.com", "TXT", '"x"']);
    const client = new r53.Route53Client(as);
    await client.send(new r53.GetChangeCommand({ Id: made.ChangeInfo?.Id }));
    await client.send(new r53.ListResourceRecordSetsCommand({ HostedZoneId: desk.zoneId }));
  });

  test("touches no other name, and none of its own in another type", async () => {
    await refused(change(["example.com", "A", "1.2.3.4"]));
    await refused(change(["other.example.com", "A", "1.2.3.4"]));
    await refused(change(["_acme-challenge.blog.example.com", "A", "1.2.3.4"]));
    await refused(change(["_acme-challenge.example.com", "TXT", '"x"']));
    await refused(change(["blog.example.com", "CNAME", "elsewhere.example"]));
    await refused(change(["blog.example.com", "A", "1.2.3.4"], ["other.example.com", "A", "1.2.3.4"]));
  });
});

describe("a change of records that names none", () => {
  // ForAllValues alone holds for a request without the key.
  test("is allowed by no statement", () => {
    const where = { account: "123456789012", partition: "aws", hostedZone: "Z1", baked: false };
    const policy = parsePolicy(JSON.stringify(instancePolicy(desk.config, where)), "identity");
    const ask = (context: Record<string, string[]>) =>
      evaluate([policy], {
        action: "route53:ChangeResourceRecordSets",
        resource: "arn:aws:route53:::hostedzone/Z1",
        context: contextOf(context),
      });
    const key = (part: string) => `route53:ChangeResourceRecordSets${part}`;
    const types = { [key("RecordTypes")]: ["A"], [key("Actions")]: ["UPSERT"] };
    expect(ask({ ...types, [key("NormalizedRecordNames")]: ["blog.example.com"] })).toBe("allow");
    expect(ask(types)).toBe("none");
    expect(ask({})).toBe("none");
  });
});

describe("fleet and instances", () => {
  const lessCredits = (InstanceId: string) =>
    new ec2.ModifyInstanceCreditSpecificationCommand({
      InstanceCreditSpecifications: [{ InstanceId, CpuCredits: "standard" }],
    });

  test("its own", async () => {
    const client = new ec2.EC2Client(as);
    const { Fleets } = await client.send(new ec2.DescribeFleetsCommand({}));
    await client.send(new ec2.DescribeInstancesCommand({}));
    await client.send(
      new ec2.ModifyFleetCommand({
        FleetId: Fleets?.[0]?.FleetId,
        TargetCapacitySpecification: { TotalTargetCapacity: 2 },
      }),
    );
    await client.send(lessCredits(instance));
    await client.send(new ec2.TerminateInstancesCommand({ InstanceIds: [instance] }));
  });

  test("not another's, and launches nothing itself", async () => {
    const client = new ec2.EC2Client(as);
    await refused(client.send(new ec2.TerminateInstancesCommand({ InstanceIds: [foreign] })));
    await refused(client.send(lessCredits(foreign)));
    await refused(
      client.send(
        new ec2.RunInstancesCommand({
          ImageId: "ami-0deb13000000a0064",
          MinCount: 1,
          MaxCount: 1,
          InstanceType: "t3.micro",
        }),
      ),
    );
  });
});

test("reads its own secrets only", async () => {
  const client = new ssm.SSMClient(as);
  await client.send(new ssm.GetParametersByPathCommand({ Path: "/everspot/blog/", WithDecryption: true }));
  await client.send(
    new ssm.GetParametersByPathCommand({ Path: "/everspot-run/blog/", WithDecryption: true }),
  );
  await refused(client.send(new ssm.GetParametersByPathCommand({ Path: "/everspot/other/" })));
  await refused(client.send(new ssm.GetParametersByPathCommand({ Path: "/everspot-run/other/" })));
  await refused(client.send(new ssm.GetParametersByPathCommand({ Path: "/everspot/blogger/" })));
  await refused(
    client.send(new ssm.PutParameterCommand({ Name: "/everspot/blog/A", Value: "x", Type: "String" })),
  );
});

describe("ACM and KMS", () => {
  const where = { account: "123456789012", partition: "aws", hostedZone: "Z1", baked: false };
  const arn = "arn:aws:acm:us-east-1:123456789012:certificate/abc";
  const key = "arn:aws:kms:us-east-1:123456789012:key/abc";
  const actions = (toml: string) =>
    instancePolicy(parseConfig(`${MINIMAL}${toml}`, "/p/everspot.toml"), where).Statement.flatMap((s) =>
      [s.Action]
        .flat()
        .filter((a) => /^(acm|kms):/.test(a))
        .map((a) => `${a} ${[s.Resource].flat().join()}`),
    );

  test("only when configured, and then that certificate and that key", () => {
    expect(actions("")).toEqual([]);
    expect(actions(`[certificate]\nsource = "acm"\narn = "${arn}"\n`)).toEqual([
      `acm:DescribeCertificate ${arn}`,
      `acm:ExportCertificate ${arn}`,
    ]);
    expect(actions(`[certificate]\nkms_key = "${key}"\n`)).toEqual([
      `kms:Decrypt ${key}`,
      `kms:GenerateDataKey ${key}`,
    ]);
  });

  test("copies go into ACM under the site's tag only", () => {
    const config = parseConfig(`${MINIMAL}[certificate]\nmirror_to_acm = true\n`, "/p/everspot.toml");
    const statements = instancePolicy(config, where).Statement.filter((s) =>
      [s.Action].flat()[0]?.startsWith("acm:"),
    );
    expect(statements).toHaveLength(2);
    for (const { Condition } of statements) {
      expect(JSON.stringify(Condition)).toMatch(/aws:(Request|Resource)Tag\/everspot:site":"blog"/);
    }
  });
});
