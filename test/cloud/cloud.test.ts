import dns from "node:dns/promises";
import { EC2 } from "@aws-sdk/client-ec2";
import { IAM } from "@aws-sdk/client-iam";
import { Route53 } from "@aws-sdk/client-route-53";
import { S3 } from "@aws-sdk/client-s3";
import { SSM } from "@aws-sdk/client-ssm";
import { STS } from "@aws-sdk/client-sts";
import { execa } from "execa";
import { afterEach, expect, test } from "vitest";
import { type Cloud, type CloudOptions, startCloud } from "./cloud.ts";
import type { InstanceView } from "./ec2/instances.ts";
import { ARM_IMAGE } from "./ec2-site.ts";
import { ManualClock } from "./manual-clock.ts";

let cloud: Cloud | undefined;
afterEach(async () => {
  await cloud?.close();
  expect(cloud?.faults()).toEqual([]);
});

const start = async (options?: CloudOptions) => {
  cloud = await startCloud(options);
  const config = {
    endpoint: cloud.endpoint,
    region: cloud.region,
    credentials: { accessKeyId: "AKIATEST", secretAccessKey: "test" },
    maxAttempts: 1,
  };
  return { cloud, config };
};

test("a new account lacks the service-linked roles; one in use has them", async () => {
  const fresh = await start();
  const names = async (config: typeof fresh.config) =>
    (await new IAM(config).listRoles({ PathPrefix: "/aws-service-role/" })).Roles?.map((r) => r.RoleName);
  expect(await names(fresh.config)).toEqual([]);
  await fresh.cloud.close();
  const used = await start({ serviceLinkedRoles: true });
  expect(await names(used.config)).toEqual(["AWSServiceRoleForEC2Fleet", "AWSServiceRoleForEC2Spot"]);
  expect(used.cloud.writes()).toEqual([]);
});

test("writes are what could change something, refused calls among them, reads and dry runs not", async () => {
  const { cloud, config } = await start();
  const ec2 = new EC2(config);
  await new STS(config).getCallerIdentity({});
  await ec2.describeVpcs({});
  await expect(ec2.createVpc({ CidrBlock: "10.7.0.0/16", DryRun: true })).rejects.toThrow();
  await expect(new S3(config).headBucket({ Bucket: "nobody-has-this" })).rejects.toThrow();
  expect(cloud.writes()).toEqual([]);
  await expect(ec2.deleteVpc({ VpcId: "vpc-00000000000000000" })).rejects.toThrow();
  const mark = cloud.mark();
  await new S3(config).createBucket({ Bucket: "everspot-demo" });
  expect(cloud.writes().map((c) => `${c.service}.${c.operation}`)).toEqual([
    "ec2.DeleteVpc",
    "s3.CreateBucket",
  ]);
  expect(cloud.writes(mark).map((c) => c.operation)).toEqual(["CreateBucket"]);
  expect(cloud.writes(0, "ASIAOTHER")).toEqual([]);
});

test("in time that a test moves, a refused call is made once: no SDK takes the answer's time for its own", async () => {
  const { cloud, config } = await start({ clock: new ManualClock(Date.now() + 3_600_000) });
  const s3 = new S3({ ...config, maxAttempts: 3 });
  await s3.createBucket({ Bucket: "everspot-demo" });
  const mark = cloud.mark();
  await expect(s3.getObject({ Bucket: "everspot-demo", Key: "a" })).rejects.toThrow();
  expect(cloud.mark() - mark).toBe(1);
});

test("an instance's credentials may do what its role's policy allows, by tag, and nothing else", async () => {
  const views: InstanceView[] = [];
  const { cloud, config } = await start({
    imds: async (view) => {
      views.push(view);
      return async () => {};
    },
  });
  const iam = new IAM(config);
  const trust = {
    Version: "2012-10-17",
    Statement: [{ Effect: "Allow", Principal: { Service: "ec2.amazonaws.com" }, Action: "sts:AssumeRole" }],
  };
  await iam.createRole({ RoleName: "site", AssumeRolePolicyDocument: JSON.stringify(trust) });
  await iam.putRolePolicy({
    RoleName: "site",
    PolicyName: "site",
    PolicyDocument: JSON.stringify({
      Version: "2012-10-17",
      Statement: [
        { Effect: "Allow", Action: "ec2:DescribeInstances", Resource: "*" },
        {
          Effect: "Allow",
          Action: "ec2:TerminateInstances",
          Resource: "*",
          Condition: { StringEquals: { "aws:ResourceTag/everspot:site": "demo" } },
        },
      ],
    }),
  });
  await iam.createInstanceProfile({ InstanceProfileName: "site" });
  await iam.addRoleToInstanceProfile({ InstanceProfileName: "site", RoleName: "site" });
  const owner = new EC2(config);
  const run = async (site: string) => {
    const { Instances } = await owner.runInstances({
      MinCount: 1,
      MaxCount: 1,
      ImageId: ARM_IMAGE,
      InstanceType: "t4g.nano",
      IamInstanceProfile: { Name: "site" },
      TagSpecifications: [{ ResourceType: "instance", Tags: [{ Key: "everspot:site", Value: site }] }],
    });
    return Instances?.[0]?.InstanceId ?? "";
  };
  const [mine, other] = [await run("demo"), await run("other")];
  await cloud.settled();
  const credentials = views[0]?.credentials();
  if (credentials === undefined) throw new Error("the instance has no credentials");
  expect(views[0]?.profile?.roleName).toBe("site");
  const inside = new EC2({ ...config, credentials });
  expect((await inside.describeInstances({})).Reservations).toHaveLength(2);
  await expect(inside.terminateInstances({ InstanceIds: [other] })).rejects.toMatchObject({
    name: "UnauthorizedOperation",
  });
  await expect(inside.createVpc({ CidrBlock: "10.0.0.0/16" })).rejects.toMatchObject({
    name: "UnauthorizedOperation",
  });
  await inside.terminateInstances({ InstanceIds: [mine] });
  expect(cloud.writes(0, credentials.accessKeyId)).toHaveLength(3);
});

test("Debian's parameters name images that can be launched", async () => {
  const { config } = await start();
  const { Parameter } = await new SSM(config).getParameter({
    Name: "/aws/service/debian/release/13/latest/arm64",
  });
  expect(Parameter?.Value).toBe(ARM_IMAGE);
  const { Images } = await new EC2(config).describeImages({ ImageIds: [ARM_IMAGE] });
  expect(Images?.[0]?.Architecture).toBe("arm64");
});

test("records of the zones are answered by the DNS server", async () => {
  const { cloud, config } = await start({ dns: {} });
  const route53 = new Route53(config);
  const { HostedZone } = await route53.createHostedZone({ Name: "example.org", CallerReference: "1" });
  await route53.changeResourceRecordSets({
    HostedZoneId: HostedZone?.Id,
    ChangeBatch: {
      Changes: [
        {
          Action: "CREATE",
          ResourceRecordSet: {
            Name: "www.example.org",
            Type: "A",
            TTL: 60,
            ResourceRecords: [{ Value: "127.0.1.12" }],
          },
        },
      ],
    },
  });
  const resolver = new dns.Resolver();
  resolver.setServers([cloud.dns?.address ?? ""]);
  expect(await resolver.resolve4("www.example.org")).toEqual(["127.0.1.12"]);
});

test("the environment alone leads a child process to the local account", async () => {
  const { cloud } = await start();
  const script = `
    const { STSClient, GetCallerIdentityCommand } = await import("@aws-sdk/client-sts");
    console.log((await new STSClient().send(new GetCallerIdentityCommand())).Account);`;
  const { stdout } = await execa(process.execPath, ["--input-type=module", "-e", script], {
    extendEnv: false,
    env: cloud.env,
    cwd: import.meta.dirname,
  });
  expect(stdout).toBe("123456789012");
});

test("what no one models is loud and kept", async () => {
  const { cloud, config } = await start();
  await expect(new EC2(config).describeVpnGateways({})).rejects.toThrow(
    /no handler for ec2.DescribeVpnGateways/,
  );
  expect(cloud.faults().map((f) => f.message)).toEqual(["no handler for ec2.DescribeVpnGateways"]);
  cloud.wire.faults.length = 0;
});

test("a parameter that would have no effect is refused, not ignored", async () => {
  const { cloud, config } = await start();
  const ec2 = new EC2(config);
  await expect(
    ec2.createVpc({ CidrBlock: "10.7.0.0/16", AmazonProvidedIpv6CidrBlock: true }),
  ).rejects.toThrow(/CreateVpc: AmazonProvidedIpv6CidrBlock is not modelled/);
  const launch = { MinCount: 1, MaxCount: 1, ImageId: ARM_IMAGE, InstanceType: "t4g.nano" as const };
  await expect(ec2.runInstances({ ...launch, DisableApiTermination: true })).rejects.toThrow(
    /DisableApiTermination/,
  );
  const disk = { DeviceName: "/dev/sda1", Ebs: { VolumeSize: 9 } };
  await expect(ec2.runInstances({ ...launch, BlockDeviceMappings: [disk] })).rejects.toThrow(
    /disk \/dev\/sda1/,
  );
  expect(cloud.faults()).toHaveLength(3);
  cloud.wire.faults.length = 0;
});
