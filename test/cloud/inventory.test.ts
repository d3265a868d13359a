import { CreateVpcCommand, EC2Client } from "@aws-sdk/client-ec2";
import { CreateRoleCommand, IAMClient } from "@aws-sdk/client-iam";
import {
  ChangeResourceRecordSetsCommand,
  CreateHostedZoneCommand,
  Route53Client,
} from "@aws-sdk/client-route-53";
import { CreateBucketCommand, S3Client } from "@aws-sdk/client-s3";
import { PutParameterCommand, SSMClient } from "@aws-sdk/client-ssm";
import { expect, test } from "vitest";
import { startCloud } from "./cloud.ts";
import { inventory } from "./inventory.ts";

test("lists what someone made, and asks nothing the local AWS does not know", async () => {
  const cloud = await startCloud({ serviceLinkedRoles: true });
  const before = new Set(await inventory(cloud));
  const at = { endpoint: cloud.endpoint, region: cloud.region };
  const vpc = await new EC2Client(at).send(new CreateVpcCommand({ CidrBlock: "10.9.0.0/16" }));
  await new IAMClient(at).send(
    new CreateRoleCommand({
      RoleName: "forgotten",
      AssumeRolePolicyDocument: JSON.stringify({
        Version: "2012-10-17",
        Statement: [
          { Effect: "Allow", Principal: { Service: "ec2.amazonaws.com" }, Action: "sts:AssumeRole" },
        ],
      }),
    }),
  );
  await new S3Client(at).send(new CreateBucketCommand({ Bucket: "forgotten" }));
  await new SSMClient(at).send(new PutParameterCommand({ Name: "/forgotten", Value: "x", Type: "String" }));
  const route53 = new Route53Client(at);
  const zone = await route53.send(new CreateHostedZoneCommand({ Name: "example.com", CallerReference: "1" }));
  const set = {
    Name: "www.example.com",
    Type: "A" as const,
    TTL: 60,
    ResourceRecords: [{ Value: "127.0.1.1" }],
  };
  await route53.send(
    new ChangeResourceRecordSetsCommand({
      HostedZoneId: zone.HostedZone?.Id,
      ChangeBatch: { Changes: [{ Action: "CREATE", ResourceRecordSet: set }] },
    }),
  );
  const after = await inventory(cloud);
  // A VPC is born with a route table and a security group.
  const born = /^ec2 (route table|security group) /;
  expect(after.filter((thing) => !before.has(thing) && !born.test(thing)).sort()).toEqual([
    `ec2 vpc ${vpc.Vpc?.VpcId}`,
    "iam role forgotten",
    "route53 A www.example.com",
    "s3 bucket forgotten",
    "ssm parameter /forgotten",
  ]);
  expect(cloud.faults()).toEqual([]);
  await cloud.close();
});
