import * as ec2 from "@aws-sdk/client-ec2";
import {
  AddRoleToInstanceProfileCommand,
  CreateInstanceProfileCommand,
  CreateRoleCommand,
  GetRoleCommand,
  IAMClient,
  ListRolesCommand,
  PutRolePolicyCommand,
} from "@aws-sdk/client-iam";
import * as r53 from "@aws-sdk/client-route-53";
import * as s3 from "@aws-sdk/client-s3";
import * as ssm from "@aws-sdk/client-ssm";
import { GetCallerIdentityCommand, STSClient } from "@aws-sdk/client-sts";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { Iam } from "./iam/iam.ts";
import { ManualClock } from "./manual-clock.ts";
import { Route53 } from "./route53.ts";
import { S3 } from "./s3.ts";
import { Sts } from "./sts.ts";
import { WireServer } from "./wire/server.ts";

const ACCOUNT = "123456789012";
const REGION = "us-east-1";
const BUCKET = "everspot-shop";
const ec2Arn = (resource: string): string => `arn:aws:ec2:${REGION}:${ACCOUNT}:${resource}`;
const parameterArn = (path: string): string => `arn:aws:ssm:${REGION}:${ACCOUNT}:parameter${path}`;

const SITE = "i-0000000000000000a";
const FOREIGN = "i-0000000000000000b";
const TAGS: Record<string, Record<string, string>> = {
  [ec2Arn(`instance/${SITE}`)]: { "everspot:site": "shop" },
  [ec2Arn(`instance/${FOREIGN}`)]: { "everspot:site": "other" },
  [ec2Arn("fleet/fleet-shop")]: { "everspot:site": "shop" },
  [ec2Arn("fleet/fleet-other")]: { "everspot:site": "other" },
};

/** The shape of what an instance may do: its site's objects, records, fleet and parameters. */
const privileges = (zone: string): object => ({
  Version: "2012-10-17",
  Statement: [
    { Effect: "Allow", Action: ["s3:GetObject", "s3:PutObject"], Resource: `arn:aws:s3:::${BUCKET}/*` },
    {
      Effect: "Allow",
      Action: "s3:ListBucket",
      Resource: `arn:aws:s3:::${BUCKET}`,
      Condition: { StringLike: { "s3:prefix": ["boots/*", "releases/*"] } },
    },
    {
      Effect: "Allow",
      Action: "route53:ChangeResourceRecordSets",
      Resource: `arn:aws:route53:::hostedzone/${zone}`,
      Condition: {
        "ForAllValues:StringEquals": {
          "route53:ChangeResourceRecordSetsNormalizedRecordNames": [
            "site.example",
            "_everspot.site.example",
            "_acme-challenge.site.example",
          ],
          "route53:ChangeResourceRecordSetsRecordTypes": ["A", "TXT"],
        },
      },
    },
    {
      Effect: "Allow",
      Action: ["route53:ListResourceRecordSets", "route53:GetChange"],
      Resource: [`arn:aws:route53:::hostedzone/${zone}`, "arn:aws:route53:::change/*"],
    },
    { Effect: "Allow", Action: "ec2:Describe*", Resource: "*" },
    {
      Effect: "Allow",
      Action: ["ec2:TerminateInstances", "ec2:ModifyFleet"],
      Resource: "*",
      Condition: { StringEquals: { "aws:ResourceTag/everspot:site": "shop" } },
    },
    {
      Effect: "Allow",
      Action: "ssm:GetParametersByPath",
      Resource: [parameterArn("/everspot/shop"), parameterArn("/everspot/shop/*")],
    },
  ],
});

let wire: WireServer;
let iam: Iam;
let zone: string;
let bucketPolicy: object | undefined;
let configuration: object;
const clock = new ManualClock(Date.now());
const admin = () => ({
  endpoint: wire.endpoint,
  region: REGION,
  credentials: { accessKeyId: "AKIATEST", secretAccessKey: "test" },
});

beforeEach(async () => {
  bucketPolicy = undefined;
  wire = new WireServer({ secretOf: (key) => iam.secretOf(key), now: () => clock.now() });
  iam = new Iam(wire, {
    account: ACCOUNT,
    region: REGION,
    clock,
    lookups: {
      tagsOf: (arn) => TAGS[arn],
      launchTemplate: ({ id }) => (id === "lt-shop" ? { id, profile: "everspot-shop" } : undefined),
      bucketPolicy: (bucket) =>
        bucket === BUCKET && bucketPolicy !== undefined ? JSON.stringify(bucketPolicy) : undefined,
    },
  });
  const route53 = new Route53(wire, { clock });
  new Sts(wire, iam);
  new S3(wire, {
    account: ACCOUNT,
    now: () => clock.now(),
    may: (call, action, resource) => iam.may(call, action, resource),
  });
  standIns(wire);
  await wire.start();
  zone = route53.zones.create({
    name: "example.",
    callerReference: "1",
    comment: undefined,
    privateZone: false,
  }).id;
  const owner = new IAMClient(admin());
  await createSiteRole(owner);
  const credentials = iam.instances.credentialsFor("everspot-shop", SITE);
  if (credentials === undefined) throw new Error("the profile has no role");
  configuration = { endpoint: wire.endpoint, region: REGION, credentials, maxAttempts: 1 };
});
afterEach(async () => {
  await wire.stop();
  expect(wire.faults).toEqual([]);
});

async function createSiteRole(owner: IAMClient): Promise<void> {
  const trust = { Effect: "Allow", Principal: { Service: "ec2.amazonaws.com" }, Action: "sts:AssumeRole" };
  const names = { RoleName: "everspot-shop", InstanceProfileName: "everspot-shop" };
  await owner.send(
    new CreateRoleCommand({
      ...names,
      AssumeRolePolicyDocument: JSON.stringify({ Version: "2012-10-17", Statement: trust }),
    }),
  );
  await owner.send(
    new PutRolePolicyCommand({
      ...names,
      PolicyName: "site",
      PolicyDocument: JSON.stringify(privileges(zone)),
    }),
  );
  await owner.send(new CreateInstanceProfileCommand(names));
  await owner.send(new AddRoleToInstanceProfileCommand(names));
}

/** Services whose own behaviour is not the matter here: a call that is let through is answered with nothing. */
function standIns(server: WireServer): void {
  server.use(ec2, "ec2").use(ssm, "ssm");
  for (const name of [
    "TerminateInstances",
    "ModifyFleet",
    "DescribeInstances",
    "CreateFleet",
    "RunInstances",
  ]) {
    server.on("ec2", name, () => ({}));
  }
  server.on("ssm", "GetParametersByPath", () => ({ Parameters: [] }));
  server.on("ssm", "GetParameter", () => ({}));
}

/** What the site's instance is told: "allowed", or code and status of the refusal. */
async function outcome(send: () => Promise<unknown>): Promise<string> {
  try {
    await send();
    return "allowed";
  } catch (error) {
    const { name, $metadata } = error as { name: string; $metadata: { httpStatusCode?: number } };
    return `${name} ${$metadata.httpStatusCode}`;
  }
}

describe("the bucket", () => {
  const put = (Bucket: string, Key: string) => new s3.PutObjectCommand({ Bucket, Key, Body: "x" });
  let objects: s3.S3Client;
  beforeEach(async () => {
    objects = new s3.S3Client(configuration);
    const owner = new s3.S3Client(admin());
    for (const Bucket of [BUCKET, "everspot-other"]) {
      await owner.send(new s3.CreateBucketCommand({ Bucket }));
      await owner.send(put(Bucket, "site.json"));
    }
  });

  test("its own objects can be read and written, and listed below the prefixes given", async () => {
    expect(await outcome(() => objects.send(put(BUCKET, "channel.json")))).toBe("allowed");
    expect(
      await outcome(() => objects.send(new s3.GetObjectCommand({ Bucket: BUCKET, Key: "site.json" }))),
    ).toBe("allowed");
    const list = (Prefix?: string) =>
      outcome(() =>
        objects.send(
          new s3.ListObjectsV2Command({ Bucket: BUCKET, ...(Prefix === undefined ? {} : { Prefix }) }),
        ),
      );
    expect(await list("boots/i-1")).toBe("allowed");
    expect(await list()).toBe("AccessDenied 403");
  });

  test("another site's bucket cannot be read, written or listed", async () => {
    const Bucket = "everspot-other";
    await expect(objects.send(new s3.GetObjectCommand({ Bucket, Key: "site.json" }))).rejects.toThrow(
      `User: arn:aws:sts::${ACCOUNT}:assumed-role/everspot-shop/${SITE} is not authorized to perform: s3:GetObject on resource: "arn:aws:s3:::everspot-other/site.json" because no identity-based policy allows the s3:GetObject action`,
    );
    expect(await outcome(() => objects.send(put(Bucket, "x")))).toBe("AccessDenied 403");
    expect(await outcome(() => objects.send(new s3.ListObjectsV2Command({ Bucket, Prefix: "boots/" })))).toBe(
      "AccessDenied 403",
    );
  });

  test("nothing can be deleted, one by one or in bulk", async () => {
    const Key = "site.json";
    expect(await outcome(() => objects.send(new s3.DeleteObjectCommand({ Bucket: BUCKET, Key })))).toBe(
      "AccessDenied 403",
    );
    expect(
      await outcome(() =>
        objects.send(new s3.DeleteObjectsCommand({ Bucket: BUCKET, Delete: { Objects: [{ Key }] } })),
      ),
    ).toBe("AccessDenied 403");
    expect(await outcome(() => objects.send(new s3.DeleteBucketCommand({ Bucket: BUCKET })))).toBe(
      "AccessDenied 403",
    );
  });

  test("a missing key is 403 to who may not list, 404 to who may", async () => {
    const get = () => outcome(() => objects.send(new s3.GetObjectCommand({ Bucket: BUCKET, Key: "none" })));
    expect(await get()).toBe("AccessDenied 403");
    const owner = new IAMClient(admin());
    const listing = { Effect: "Allow", Action: "s3:ListBucket", Resource: `arn:aws:s3:::${BUCKET}` };
    await owner.send(
      new PutRolePolicyCommand({
        RoleName: "everspot-shop",
        PolicyName: "list",
        PolicyDocument: JSON.stringify({ Version: "2012-10-17", Statement: listing }),
      }),
    );
    expect(await get()).toBe("NoSuchKey 404");
  });

  test("the bucket's own policy is weighed too", async () => {
    const other = {
      Sid: "Tls",
      Effect: "Deny",
      Principal: "*",
      Action: "s3:*",
      Resource: `arn:aws:s3:::${BUCKET}/*`,
    };
    const get = () => objects.send(new s3.GetObjectCommand({ Bucket: BUCKET, Key: "site.json" }));
    bucketPolicy = {
      Version: "2012-10-17",
      Statement: { ...other, Condition: { Bool: { "aws:SecureTransport": "false" } } },
    };
    expect(await outcome(get)).toBe("allowed");
    bucketPolicy = { Version: "2012-10-17", Statement: other };
    await expect(get()).rejects.toThrow("with an explicit deny in a resource-based policy");
    const role = `arn:aws:iam::${ACCOUNT}:role/everspot-shop`;
    bucketPolicy = {
      Version: "2012-10-17",
      Statement: {
        Effect: "Allow",
        Principal: { AWS: role },
        Action: "s3:DeleteObject",
        Resource: `arn:aws:s3:::${BUCKET}/*`,
      },
    };
    expect(await outcome(() => objects.send(new s3.DeleteObjectCommand({ Bucket: BUCKET, Key: "x" })))).toBe(
      "allowed",
    );
  });
});

describe("the records", () => {
  const change = (
    Name: string,
    Type: "A" | "TXT" | "CNAME",
    Action: "UPSERT" | "CREATE" | "DELETE" = "UPSERT",
  ) => ({
    Action,
    ResourceRecordSet: {
      Name,
      Type,
      TTL: 60,
      ResourceRecords: [{ Value: { A: "127.0.1.2", TXT: '"x"', CNAME: "a.example" }[Type] }],
    },
  });
  const apply = (...Changes: r53.Change[]) => {
    const client = new r53.Route53Client(configuration);
    return outcome(() =>
      client.send(new r53.ChangeResourceRecordSetsCommand({ HostedZoneId: zone, ChangeBatch: { Changes } })),
    );
  };

  test.each<[string, "A" | "TXT"]>([
    ["site.example", "A"],
    ["SITE.example.", "A"],
    ["_everspot.site.example", "TXT"],
    ["_acme-challenge.site.example", "TXT"],
  ])("%s %s can be changed", async (name, type) => {
    expect(await apply(change(name, type))).toBe("allowed");
  });

  test.each<[string, "A" | "TXT" | "CNAME"]>([
    ["www.site.example", "A"],
    ["*.site.example", "A"],
    ["site.example", "CNAME"],
    ["evil.example", "A"],
  ])("%s %s cannot", async (name, type) => {
    expect(await apply(change(name, type))).toBe("AccessDenied 403");
  });

  test("one foreign record spoils the whole batch", async () => {
    expect(await apply(change("site.example", "A"), change("www.site.example", "A"))).toBe(
      "AccessDenied 403",
    );
  });

  test("a wildcard is granted by its octal escape", async () => {
    await new IAMClient(admin()).send(
      new PutRolePolicyCommand({
        RoleName: "everspot-shop",
        PolicyName: "wildcard",
        PolicyDocument: JSON.stringify({
          Version: "2012-10-17",
          Statement: {
            Effect: "Allow",
            Action: "route53:ChangeResourceRecordSets",
            Resource: "*",
            Condition: {
              "ForAllValues:StringEquals": {
                "route53:ChangeResourceRecordSetsNormalizedRecordNames": "\\052.site.example",
                "route53:ChangeResourceRecordSetsActions": ["UPSERT"],
              },
            },
          },
        }),
      }),
    );
    expect(await apply(change("*.site.example", "A"))).toBe("allowed");
    expect(await apply(change("*.site.example", "A", "DELETE"))).toBe("AccessDenied 403");
  });

  test("other zones, and listing zones, are out of reach", async () => {
    const client = new r53.Route53Client(configuration);
    expect(
      await outcome(() => client.send(new r53.ListResourceRecordSetsCommand({ HostedZoneId: zone }))),
    ).toBe("allowed");
    expect(
      await outcome(() => client.send(new r53.ListResourceRecordSetsCommand({ HostedZoneId: "ZOTHER" }))),
    ).toBe("AccessDenied 403");
    expect(await outcome(() => client.send(new r53.ListHostedZonesCommand({})))).toBe("AccessDenied 403");
  });
});

describe("the fleet and its instances", () => {
  let client: ec2.EC2Client;
  beforeEach(() => {
    client = new ec2.EC2Client(configuration);
  });
  const terminate = (...InstanceIds: string[]) =>
    outcome(() => client.send(new ec2.TerminateInstancesCommand({ InstanceIds })));
  const resize = (FleetId: string) =>
    outcome(() =>
      client.send(
        new ec2.ModifyFleetCommand({ FleetId, TargetCapacitySpecification: { TotalTargetCapacity: 2 } }),
      ),
    );

  test("what carries the site's tag can be changed, nothing else", async () => {
    expect(await terminate(SITE)).toBe("allowed");
    expect(await terminate(FOREIGN)).toBe("UnauthorizedOperation 403");
    expect(await terminate(SITE, FOREIGN)).toBe("UnauthorizedOperation 403");
    expect(await terminate("i-0000000000000000c")).toBe("UnauthorizedOperation 403");
    expect(await resize("fleet-shop")).toBe("allowed");
    expect(await resize("fleet-other")).toBe("UnauthorizedOperation 403");
  });

  test("the refusal says who, what and on which resource", async () => {
    await expect(client.send(new ec2.TerminateInstancesCommand({ InstanceIds: [FOREIGN] }))).rejects.toThrow(
      `You are not authorized to perform this operation. User: arn:aws:sts::${ACCOUNT}:assumed-role/everspot-shop/${SITE} is not authorized to perform: ec2:TerminateInstances on resource: ${ec2Arn(`instance/${FOREIGN}`)} because no identity-based policy allows the ec2:TerminateInstances action. Encoded authorization failure message: `,
    );
  });

  test("describing has no resource; launching is not allowed", async () => {
    expect(await outcome(() => client.send(new ec2.DescribeInstancesCommand({})))).toBe("allowed");
    expect(
      await outcome(() =>
        client.send(new ec2.RunInstancesCommand({ ImageId: "ami-1", MinCount: 1, MaxCount: 1 })),
      ),
    ).toBe("UnauthorizedOperation 403");
  });
});

describe("a fleet", () => {
  const config = {
    LaunchTemplateSpecification: { LaunchTemplateId: "lt-shop", Version: "1" },
    Overrides: [{ SubnetId: "subnet-a" }],
  };
  const TagSpecifications = [
    { ResourceType: "fleet" as const, Tags: [{ Key: "everspot:site", Value: "shop" }] },
  ];
  const create = () =>
    outcome(() =>
      new ec2.EC2Client(configuration).send(
        new ec2.CreateFleetCommand({
          Type: "maintain",
          LaunchTemplateConfigs: [config],
          TargetCapacitySpecification: { TotalTargetCapacity: 1 },
          TagSpecifications,
        }),
      ),
    );
  const grant = (...Statement: object[]) =>
    new IAMClient(admin()).send(
      new PutRolePolicyCommand({
        RoleName: "everspot-shop",
        PolicyName: "fleet",
        PolicyDocument: JSON.stringify({ Version: "2012-10-17", Statement }),
      }),
    );
  const role = `arn:aws:iam::${ACCOUNT}:role/everspot-shop`;
  const fleets = { Effect: "Allow", Action: "ec2:CreateFleet", Resource: "*" };
  const tagging = {
    Effect: "Allow",
    Action: "ec2:CreateTags",
    Resource: ec2Arn("fleet/*"),
    Condition: {
      StringEquals: { "ec2:CreateAction": "CreateFleet", "aws:RequestTag/everspot:site": "shop" },
    },
  };
  const passing = {
    Effect: "Allow",
    Action: "iam:PassRole",
    Resource: role,
    Condition: { StringEquals: { "iam:PassedToService": "ec2.amazonaws.com" } },
  };

  test("needs the fleet, its tags and the role its template hands out", async () => {
    await grant(fleets, tagging, passing);
    expect(await create()).toBe("allowed");
    await grant(fleets, tagging);
    expect(await create()).toBe("UnauthorizedOperation 403");
    await grant(fleets, tagging, { ...passing, Resource: `${role}-other` });
    expect(await create()).toBe("UnauthorizedOperation 403");
    await grant(fleets, passing);
    expect(await create()).toBe("UnauthorizedOperation 403");
    await grant({ ...fleets, Resource: ec2Arn("fleet/*") }, tagging, passing);
    expect(await create()).toBe("UnauthorizedOperation 403");
  });
});

test("parameters: the site's path, no other", async () => {
  const client = new ssm.SSMClient(configuration);
  const under = (Path: string) => outcome(() => client.send(new ssm.GetParametersByPathCommand({ Path })));
  expect(await under("/everspot/shop/")).toBe("allowed");
  expect(await under("/everspot/shop")).toBe("allowed");
  expect(await under("/everspot/")).toBe("AccessDeniedException 400");
  expect(await under("/everspot/shopping/")).toBe("AccessDeniedException 400");
  expect(await outcome(() => client.send(new ssm.GetParameterCommand({ Name: "/everspot/shop/KEY" })))).toBe(
    "AccessDeniedException 400",
  );
});

test("the instance may ask who it is, and nothing of IAM", async () => {
  const me = await new STSClient(configuration).send(new GetCallerIdentityCommand({}));
  expect(me.Arn).toBe(`arn:aws:sts::${ACCOUNT}:assumed-role/everspot-shop/${SITE}`);
  const client = new IAMClient(configuration);
  expect(await outcome(() => client.send(new GetRoleCommand({ RoleName: "everspot-shop" })))).toBe(
    "AccessDenied 403",
  );
  expect(await outcome(() => client.send(new ListRolesCommand({})))).toBe("AccessDenied 403");
});

describe("credentials", () => {
  const identity = () => new STSClient(configuration).send(new GetCallerIdentityCommand({}));

  test("rotate before they expire, and are refused after, in each service's words", async () => {
    iam.instances.lifetime = { seconds: 600, rotateAfterSeconds: 120 };
    const first = iam.instances.credentialsFor("everspot-shop", "i-2");
    await clock.advance(60_000);
    expect(iam.instances.credentialsFor("everspot-shop", "i-2")).toEqual(first);
    await clock.advance(60_000);
    const second = iam.instances.credentialsFor("everspot-shop", "i-2");
    expect(second?.accessKeyId).not.toBe(first?.accessKeyId);
    configuration = { ...configuration, credentials: first };
    expect(await outcome(identity)).toBe("allowed");
    await clock.advance(480_000);
    // The SDK corrects its clock by the server's answers, as it does with AWS.
    expect(await outcome(identity)).toBe("ExpiredToken 403");
    expect(
      await outcome(() => new ec2.EC2Client(configuration).send(new ec2.DescribeInstancesCommand({}))),
    ).toBe("RequestExpired 400");
    expect(await outcome(() => new s3.S3Client(configuration).send(new s3.ListBucketsCommand({})))).toBe(
      "ExpiredToken 400",
    );
    expect(
      await outcome(() => new ssm.SSMClient(configuration).send(new ssm.GetParameterCommand({ Name: "/a" }))),
    ).toBe("ExpiredTokenException 400");
    configuration = { ...configuration, credentials: second };
    expect(await outcome(identity)).toBe("allowed");
  });

  test("a wrong token, an unknown key and a deleted role are no credentials", async () => {
    const good = iam.instances.credentialsFor("everspot-shop", SITE);
    configuration = { ...configuration, credentials: { ...good, sessionToken: "x" } };
    expect(await outcome(identity)).toBe("InvalidClientTokenId 403");
    configuration = { ...configuration, credentials: { accessKeyId: "AKIANOBODY", secretAccessKey: "x" } };
    expect(await outcome(identity)).toBe("InvalidClientTokenId 403");
    configuration = { ...configuration, credentials: good };
    iam.entities.roles.delete("everspot-shop");
    expect(await outcome(identity)).toBe("InvalidClientTokenId 403");
  });
});

test("EC2 learns of a new profile, and of its role, after a while", async () => {
  iam.instances.propagationMs = 5000;
  const names = { InstanceProfileName: "new", RoleName: "everspot-shop" };
  await new IAMClient(admin()).send(new CreateInstanceProfileCommand(names));
  expect(iam.instances.find("new")).toBeUndefined();
  await clock.advance(5000);
  await new IAMClient(admin()).send(new AddRoleToInstanceProfileCommand(names));
  expect(iam.instances.find("new")).toMatchObject({ name: "new", roleName: undefined });
  await clock.advance(5000);
  expect(iam.instances.find("new")).toMatchObject({ roleName: "everspot-shop" });
});

test("an operation with unknown permissions, or a role with AWS's own policy, is loud", async () => {
  const client = new s3.S3Client(configuration);
  wire.on("s3", "GetBucketAcl", () => ({}));
  await expect(client.send(new s3.GetBucketAclCommand({ Bucket: BUCKET }))).rejects.toThrow(
    /no permissions are modelled for s3.GetBucketAcl/,
  );
  iam.entities.role("everspot-shop").attached.add("arn:aws:iam::aws:policy/AmazonS3FullAccess");
  await expect(client.send(new s3.ListBucketsCommand({}))).rejects.toThrow(
    /AmazonS3FullAccess attached, whose contents are not modelled/,
  );
  expect(wire.faults.splice(0)).toHaveLength(2);
});
