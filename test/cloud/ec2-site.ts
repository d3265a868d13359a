import { type CreateFleetCommandInput, EC2 } from "@aws-sdk/client-ec2";
import { CreateInstanceProfileCommand, IAMClient } from "@aws-sdk/client-iam";
import { type Cloud, type CloudOptions, startCloud } from "./cloud.ts";
import { debianImages } from "./ec2.ts";
import { ManualClock } from "./manual-clock.ts";

export const ARM_IMAGE =
  debianImages.find((i) => i.os === "debian-13" && i.architecture === "arm64")?.id ?? "";

/** A VPC with two public subnets and a launch template, made by the real client, on a clock the test moves. */
export interface Ec2Site {
  cloud: Cloud;
  clock: ManualClock;
  ec2: EC2;
  vpcId: string;
  subnets: string[];
  groupId: string;
  templateId: string;
  /** A fleet of t4g.nano, one override per subnet; members of `more` replace the usual ones. */
  fleet(more?: Partial<CreateFleetCommandInput>): Promise<string>;
  /** Moves the clock, letting everything happen on the way. */
  pass(seconds: number): Promise<void>;
  /** Ids of the fleet's live instances, oldest first. */
  members(fleetId: string): Promise<string[]>;
  stateOf(instanceId: string): Promise<string | undefined>;
}

export function client(cloud: Cloud): EC2 {
  return new EC2({
    endpoint: cloud.endpoint,
    region: cloud.region,
    credentials: { accessKeyId: "AKIATEST", secretAccessKey: "test" },
    maxAttempts: 1,
  });
}

export async function startEc2Site(options: CloudOptions = {}): Promise<Ec2Site> {
  const clock = new ManualClock();
  const cloud = await startCloud({ clock, serviceLinkedRoles: true, ...options });
  const ec2 = client(cloud);
  const iam = new IAMClient({ endpoint: cloud.endpoint, region: cloud.region });
  await iam.send(new CreateInstanceProfileCommand({ InstanceProfileName: "site" }));
  const vpc = await ec2.createVpc({ CidrBlock: "10.7.0.0/16" });
  const vpcId = vpc.Vpc?.VpcId ?? "";
  const subnets: string[] = [];
  for (const [n, zone] of ["us-east-1a", "us-east-1b"].entries()) {
    const made = await ec2.createSubnet({
      VpcId: vpcId,
      CidrBlock: `10.7.${n}.0/24`,
      AvailabilityZone: zone,
    });
    subnets.push(made.Subnet?.SubnetId ?? "");
  }
  const group = await ec2.createSecurityGroup({ VpcId: vpcId, GroupName: "site", Description: "site" });
  const groupId = group.GroupId ?? "";
  const template = await ec2.createLaunchTemplate({
    LaunchTemplateName: "site",
    LaunchTemplateData: {
      ImageId: ARM_IMAGE,
      UserData: Buffer.from("#!/bin/sh\n").toString("base64"),
      IamInstanceProfile: { Name: "site" },
      MetadataOptions: { HttpTokens: "required", HttpPutResponseHopLimit: 1 },
      NetworkInterfaces: [{ DeviceIndex: 0, AssociatePublicIpAddress: true, Groups: [groupId] }],
      TagSpecifications: [
        { ResourceType: "instance", Tags: [{ Key: "everspot:site", Value: "demo" }] },
        { ResourceType: "volume", Tags: [{ Key: "everspot:site", Value: "demo" }] },
      ],
    },
  });
  const templateId = template.LaunchTemplate?.LaunchTemplateId ?? "";
  const pass = async (seconds: number) => {
    await clock.advance(seconds * 1000, () => cloud.settled());
  };
  return {
    cloud,
    clock,
    ec2,
    vpcId,
    subnets,
    groupId,
    templateId,
    pass,
    fleet: async (more = {}) => {
      const made = await ec2.createFleet({
        Type: "maintain",
        ReplaceUnhealthyInstances: true,
        ExcessCapacityTerminationPolicy: "no-termination",
        TargetCapacitySpecification: { TotalTargetCapacity: 1, DefaultTargetCapacityType: "spot" },
        SpotOptions: {
          AllocationStrategy: "price-capacity-optimized",
          MaintenanceStrategies: {
            CapacityRebalance: { ReplacementStrategy: "launch-before-terminate", TerminationDelay: 120 },
          },
        },
        LaunchTemplateConfigs: [
          {
            LaunchTemplateSpecification: { LaunchTemplateId: templateId, Version: "$Latest" },
            Overrides: subnets.map((SubnetId) => ({ InstanceType: "t4g.nano", SubnetId })),
          },
        ],
        ...more,
      });
      await pass(0);
      return made.FleetId ?? "";
    },
    members: async (fleetId) => {
      const page = await ec2.describeInstances({
        Filters: [
          { Name: "tag:aws:ec2:fleet-id", Values: [fleetId] },
          { Name: "instance-state-name", Values: ["pending", "running"] },
        ],
      });
      return (page.Reservations ?? []).flatMap((r) => r.Instances ?? []).map((i) => i.InstanceId ?? "");
    },
    stateOf: async (instanceId) => {
      const page = await ec2.describeInstances({ InstanceIds: [instanceId] });
      return page.Reservations?.[0]?.Instances?.[0]?.State?.Name;
    },
  };
}
