import type { EC2 } from "@aws-sdk/client-ec2";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { type Cloud, startCloud } from "./cloud.ts";
import { ARM_IMAGE, client } from "./ec2-site.ts";
import { ManualClock } from "./manual-clock.ts";

let cloud: Cloud;
let ec2: EC2;
const clock = new ManualClock();
beforeEach(async () => {
  cloud = await startCloud({ clock, delays: { shutdown: 5_000 } });
  ec2 = client(cloud);
});
afterEach(async () => {
  await cloud.close();
  expect(cloud.faults()).toEqual([]);
});

const code = (name: string) => ({ name });
const vpcOf = async (CidrBlock = "10.7.0.0/16") => (await ec2.createVpc({ CidrBlock })).Vpc?.VpcId ?? "";
const subnetOf = async (VpcId: string, CidrBlock: string, AvailabilityZone = "us-east-1a") =>
  (await ec2.createSubnet({ VpcId, CidrBlock, AvailabilityZone })).Subnet?.SubnetId ?? "";
const groupOf = async (VpcId: string, GroupName: string) =>
  (await ec2.createSecurityGroup({ VpcId, GroupName, Description: "d" })).GroupId ?? "";

test("us-east-1 has six zones, one of them without the newer types", async () => {
  const { AvailabilityZones } = await ec2.describeAvailabilityZones({
    Filters: [{ Name: "state", Values: ["available"] }],
  });
  expect(AvailabilityZones?.map((z) => z.ZoneName?.slice(-1)).join("")).toBe("abcdef");
  const { InstanceTypeOfferings } = await ec2.describeInstanceTypeOfferings({
    LocationType: "availability-zone",
    Filters: [{ Name: "instance-type", Values: ["t4g.*"] }],
  });
  const zones = new Set(InstanceTypeOfferings?.map((o) => o.Location));
  expect([...zones].sort().join()).toBe("us-east-1a,us-east-1b,us-east-1c,us-east-1d,us-east-1f");
});

test("an account comes with a default VPC; tag filters find only what is tagged so", async () => {
  const Tags = [{ Key: "everspot:site", Value: "demo" }];
  const made = await ec2.createVpc({
    CidrBlock: "10.7.0.0/16",
    TagSpecifications: [{ ResourceType: "vpc", Tags }],
  });
  expect((await ec2.describeVpcs({})).Vpcs?.map((v) => v.IsDefault)).toEqual([true, false]);
  const find = async (value: string) =>
    (await ec2.describeVpcs({ Filters: [{ Name: "tag:everspot:site", Values: [value] }] })).Vpcs?.map(
      (v) => v.VpcId,
    );
  expect(await find("d?m*")).toEqual([made.Vpc?.VpcId]);
  expect((await find("other")) ?? []).toEqual([]);
  await expect(ec2.describeVpcs({ Filters: [{ Name: "colour", Values: ["red"] }] })).rejects.toMatchObject(
    code("InvalidParameterValue"),
  );
  await expect(
    ec2.createVpc({ CidrBlock: "10.8.0.0/16", TagSpecifications: [{ ResourceType: "subnet", Tags }] }),
  ).rejects.toMatchObject(code("InvalidParameterValue"));
});

test("DNS attributes of a VPC", async () => {
  const VpcId = await vpcOf();
  const look = () => ec2.describeVpcAttribute({ VpcId, Attribute: "enableDnsHostnames" });
  expect((await look()).EnableDnsHostnames?.Value).toBe(false);
  await ec2.modifyVpcAttribute({ VpcId, EnableDnsHostnames: { Value: true } });
  expect((await look()).EnableDnsHostnames?.Value).toBe(true);
});

test.each([
  ["10.6.0.0/15", "InvalidVpc.Range"],
  ["10.7.1.0/16", "InvalidParameterValue"],
  ["nonsense", "InvalidParameterValue"],
])("a VPC cannot be %s", async (CidrBlock, name) => {
  await expect(ec2.createVpc({ CidrBlock })).rejects.toMatchObject({ name });
});

test("subnets stay inside their VPC, out of one another, and in a zone that exists", async () => {
  const VpcId = await vpcOf();
  await subnetOf(VpcId, "10.7.0.0/24");
  await expect(subnetOf(VpcId, "10.8.0.0/24")).rejects.toMatchObject(code("InvalidSubnet.Range"));
  await expect(subnetOf(VpcId, "10.7.0.128/25")).rejects.toMatchObject(code("InvalidSubnet.Conflict"));
  await expect(subnetOf(VpcId, "10.7.1.0/24", "us-east-1x")).rejects.toMatchObject(
    code("InvalidParameterValue"),
  );
  await expect(subnetOf("vpc-0123456789abcdef0", "10.7.1.0/24")).rejects.toMatchObject(
    code("InvalidVpcID.NotFound"),
  );
});

test("routes and associations refuse what is there already and what is of another network", async () => {
  const VpcId = await vpcOf();
  const SubnetId = await subnetOf(VpcId, "10.7.0.0/24");
  const RouteTableId = (await ec2.createRouteTable({ VpcId })).RouteTable?.RouteTableId ?? "";
  const GatewayId = (await ec2.createInternetGateway({})).InternetGateway?.InternetGatewayId ?? "";
  const route = { RouteTableId, DestinationCidrBlock: "0.0.0.0/0", GatewayId };
  await expect(ec2.createRoute(route)).rejects.toMatchObject(code("InvalidParameterValue"));
  await ec2.attachInternetGateway({ InternetGatewayId: GatewayId, VpcId });
  await expect(ec2.attachInternetGateway({ InternetGatewayId: GatewayId, VpcId })).rejects.toMatchObject(
    code("Resource.AlreadyAssociated"),
  );
  await ec2.createRoute(route);
  await expect(ec2.createRoute(route)).rejects.toMatchObject(code("RouteAlreadyExists"));
  const { AssociationId } = await ec2.associateRouteTable({ RouteTableId, SubnetId });
  await expect(ec2.associateRouteTable({ RouteTableId, SubnetId })).rejects.toMatchObject(
    code("Resource.AlreadyAssociated"),
  );
  const { RouteTables } = await ec2.describeRouteTables({
    Filters: [{ Name: "association.subnet-id", Values: [SubnetId] }],
  });
  expect(RouteTables?.[0]?.Routes?.map((r) => [r.DestinationCidrBlock, r.GatewayId, r.State])).toEqual([
    ["10.7.0.0/16", "local", "active"],
    ["0.0.0.0/0", GatewayId, "active"],
  ]);
  await expect(ec2.deleteRouteTable({ RouteTableId })).rejects.toMatchObject(code("DependencyViolation"));
  await ec2.disassociateRouteTable({ AssociationId });
  await ec2.deleteRoute({ RouteTableId, DestinationCidrBlock: "0.0.0.0/0" });
  await ec2.deleteRouteTable({ RouteTableId });
});

describe("security groups", () => {
  const web = { IpProtocol: "tcp", FromPort: 443, ToPort: 443, IpRanges: [{ CidrIp: "0.0.0.0/0" }] };

  test("rules are merged by port, refused twice, revoked once", async () => {
    const GroupId = await groupOf(await vpcOf(), "site");
    const own = { IpProtocol: "tcp", FromPort: 8079, ToPort: 8079, UserIdGroupPairs: [{ GroupId }] };
    const made = await ec2.authorizeSecurityGroupIngress({
      GroupId,
      IpPermissions: [web, { ...web, IpRanges: [{ CidrIp: "10.0.0.0/8", Description: "inside" }] }, own],
    });
    expect(made.SecurityGroupRules).toHaveLength(3);
    const { SecurityGroups } = await ec2.describeSecurityGroups({ GroupIds: [GroupId] });
    expect(SecurityGroups?.[0]?.IpPermissions).toMatchObject([
      { FromPort: 443, IpRanges: [{ CidrIp: "0.0.0.0/0" }, { CidrIp: "10.0.0.0/8", Description: "inside" }] },
      { FromPort: 8079, UserIdGroupPairs: [{ GroupId }] },
    ]);
    expect(SecurityGroups?.[0]?.IpPermissionsEgress?.[0]?.IpProtocol).toBe("-1");
    await expect(ec2.authorizeSecurityGroupIngress({ GroupId, IpPermissions: [web] })).rejects.toMatchObject(
      code("InvalidPermission.Duplicate"),
    );
    await ec2.revokeSecurityGroupIngress({ GroupId, IpPermissions: [web] });
    await expect(ec2.revokeSecurityGroupIngress({ GroupId, IpPermissions: [web] })).rejects.toMatchObject(
      code("InvalidPermission.NotFound"),
    );
    const rules = await ec2.describeSecurityGroupRules({
      Filters: [{ Name: "group-id", Values: [GroupId] }],
    });
    expect(rules.SecurityGroupRules?.filter((r) => !r.IsEgress)).toHaveLength(2);
  });

  test("ICMP wants its type and code, and one rule that is not there keeps all of them", async () => {
    const GroupId = await groupOf(await vpcOf(), "site");
    const ping = { IpProtocol: "icmp", IpRanges: [{ CidrIp: "0.0.0.0/0" }] };
    const every = { ...ping, FromPort: -1, ToPort: -1 };
    await expect(ec2.authorizeSecurityGroupIngress({ GroupId, IpPermissions: [ping] })).rejects.toMatchObject(
      code("InvalidParameterValue"),
    );
    await ec2.authorizeSecurityGroupIngress({ GroupId, IpPermissions: [every] });
    const revoke = (...IpPermissions: object[]) => ec2.revokeSecurityGroupIngress({ GroupId, IpPermissions });
    await expect(revoke(ping)).rejects.toMatchObject(code("InvalidParameterValue"));
    await expect(revoke(every, web)).rejects.toMatchObject(code("InvalidPermission.NotFound"));
    const look = async () => (await ec2.describeSecurityGroups({ GroupIds: [GroupId] })).SecurityGroups?.[0];
    expect((await look())?.IpPermissions).toMatchObject([{ IpProtocol: "icmp", FromPort: -1, ToPort: -1 }]);
    await revoke(every);
    expect((await look())?.IpPermissions ?? []).toEqual([]);
  });

  test("a name is used once in a VPC; what another group's rule names stays", async () => {
    const VpcId = await vpcOf();
    const GroupId = await groupOf(VpcId, "site");
    await expect(groupOf(VpcId, "site")).rejects.toMatchObject(code("InvalidGroup.Duplicate"));
    const other = await groupOf(VpcId, "other");
    const rule = [{ IpProtocol: "tcp", FromPort: 1, ToPort: 1, UserIdGroupPairs: [{ GroupId }] }];
    await ec2.authorizeSecurityGroupIngress({ GroupId: other, IpPermissions: rule });
    await expect(ec2.deleteSecurityGroup({ GroupId })).rejects.toMatchObject(code("DependencyViolation"));
    await ec2.revokeSecurityGroupIngress({ GroupId: other, IpPermissions: rule });
    await ec2.deleteSecurityGroup({ GroupId });
    await expect(ec2.describeSecurityGroups({ GroupIds: [GroupId] })).rejects.toMatchObject(
      code("InvalidGroup.NotFound"),
    );
    const { SecurityGroups } = await ec2.describeSecurityGroups({
      Filters: [
        { Name: "vpc-id", Values: [VpcId] },
        { Name: "group-name", Values: ["default"] },
      ],
    });
    const fallback = SecurityGroups?.[0]?.GroupId;
    await expect(ec2.deleteSecurityGroup({ GroupId: fallback })).rejects.toMatchObject(code("CannotDelete"));
  });
});

test("a network comes down only in order, and only once its instance is terminated", async () => {
  const VpcId = await vpcOf();
  const SubnetId = await subnetOf(VpcId, "10.7.0.0/24");
  const GroupId = await groupOf(VpcId, "site");
  const InternetGatewayId = (await ec2.createInternetGateway({})).InternetGateway?.InternetGatewayId;
  await ec2.attachInternetGateway({ InternetGatewayId, VpcId });
  const run = await ec2.runInstances({
    MinCount: 1,
    MaxCount: 1,
    ImageId: ARM_IMAGE,
    InstanceType: "t4g.nano",
    NetworkInterfaces: [{ DeviceIndex: 0, SubnetId, Groups: [GroupId], AssociatePublicIpAddress: true }],
  });
  const InstanceIds = run.Instances?.map((i) => i.InstanceId ?? "") ?? [];
  const attempts = [
    () => ec2.deleteSecurityGroup({ GroupId }),
    () => ec2.deleteSubnet({ SubnetId }),
    () => ec2.detachInternetGateway({ InternetGatewayId, VpcId }),
    () => ec2.deleteVpc({ VpcId }),
  ];
  for (const attempt of attempts) await expect(attempt()).rejects.toMatchObject(code("DependencyViolation"));
  await ec2.terminateInstances({ InstanceIds });
  for (const attempt of attempts) await expect(attempt()).rejects.toMatchObject(code("DependencyViolation"));
  await clock.advance(5_000, () => cloud.settled());
  await expect(ec2.deleteVpc({ VpcId })).rejects.toMatchObject(code("DependencyViolation"));
  await ec2.deleteSecurityGroup({ GroupId });
  await ec2.deleteSubnet({ SubnetId });
  await expect(ec2.deleteInternetGateway({ InternetGatewayId })).rejects.toMatchObject(
    code("DependencyViolation"),
  );
  await ec2.detachInternetGateway({ InternetGatewayId, VpcId });
  await ec2.deleteInternetGateway({ InternetGatewayId });
  await ec2.deleteVpc({ VpcId });
  await expect(ec2.deleteVpc({ VpcId })).rejects.toMatchObject(code("InvalidVpcID.NotFound"));
  const left = await ec2.describeRouteTables({ Filters: [{ Name: "vpc-id", Values: [VpcId] }] });
  expect(left.RouteTables ?? []).toEqual([]);
});

test("a dry run and a repeated client token change nothing", async () => {
  await expect(ec2.createVpc({ CidrBlock: "10.7.0.0/16", DryRun: true })).rejects.toMatchObject(
    code("DryRunOperation"),
  );
  expect((await ec2.describeVpcs({})).Vpcs).toHaveLength(1);
  const VpcId = await vpcOf();
  const first = await ec2.createRouteTable({ VpcId, ClientToken: "one" });
  const again = await ec2.createRouteTable({ VpcId, ClientToken: "one" });
  expect(again.RouteTable?.RouteTableId).toBe(first.RouteTable?.RouteTableId);
});
