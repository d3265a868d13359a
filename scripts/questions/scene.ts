/** What the questions are asked with: clients, and a network, template and fleets that carry the tag. */
import {
  CreateFleetCommand,
  type CreateFleetCommandInput,
  CreateLaunchTemplateCommand,
  CreateLaunchTemplateVersionCommand,
  CreateSubnetCommand,
  CreateVpcCommand,
  DescribeAvailabilityZonesCommand,
  DescribeFleetsCommand,
  EC2Client,
  type EC2ClientConfig,
  type FleetData,
  ModifyFleetCommand,
  type ModifyFleetCommandInput,
  type RequestLaunchTemplateData,
  type ResourceType,
} from "@aws-sdk/client-ec2";
import { CreateServiceLinkedRoleCommand, IAMClient } from "@aws-sdk/client-iam";
import { S3Client } from "@aws-sdk/client-s3";
import { GetParameterCommand, SSMClient } from "@aws-sdk/client-ssm";
import { STSClient } from "@aws-sdk/client-sts";
import type { Clock } from "../../agent/site/clock.ts";
import { type Look, poll } from "../../agent/site/poll.ts";

export const TAG = "everspot:contact";
export const NAME = "everspot-contact";
/** Of the role that may do little. */
export const CALLER = `${NAME}-caller`;
/** Every account may start it, also one on the free plan. */
export const TYPE = "t3.micro";
const IMAGE = "/aws/service/debian/release/13/latest/amd64";

export interface Clients {
  ec2: EC2Client;
  iam: IAMClient;
  s3: S3Client;
  ssm: SSMClient;
  sts: STSClient;
}

/** @param credentials others than those that the SDK finds. */
export function openClients(
  region: string,
  credentials?: EC2ClientConfig["credentials"],
): Clients & { close(): void } {
  const how = { region, ...(credentials === undefined ? {} : { credentials }) };
  const clients = {
    ...{ ec2: new EC2Client(how), iam: new IAMClient(how), s3: new S3Client(how) },
    ...{ ssm: new SSMClient(how), sts: new STSClient(how) },
  };
  return {
    ...clients,
    close: () => {
      for (const client of Object.values(clients)) client.destroy();
    },
  };
}

export interface Given {
  clients: Clients;
  region: string;
  account: string;
  clock: Clock;
  signal: AbortSignal;
}

export interface Scene extends Given {
  /** Until `look` is done; undefined at the deadline. */
  until<T>(seconds: number, look: () => Promise<Look<T>>): Promise<T | undefined>;
  /** A version of the template. The first makes the template, and the network it is in. */
  template(data?: RequestLaunchTemplateData): Promise<{ id: string; version: string }>;
  launch(version: string): Promise<NonNullable<CreateFleetCommandInput["LaunchTemplateConfigs"]>>;
  /** @param by whose credentials make it. */
  fleet(
    version: string,
    target: number,
    more?: Partial<CreateFleetCommandInput>,
    by?: EC2Client,
  ): Promise<string>;
  look(fleet: string): Promise<FleetData | undefined>;
  /** Until it is `active`. */
  settled(fleet: string): Promise<FleetData | undefined>;
  modify(fleet: string, change: Omit<ModifyFleetCommandInput, "FleetId">): Promise<void>;
}

export const tagged = (...types: ResourceType[]) =>
  types.map((ResourceType) => ({ ResourceType, Tags: [{ Key: TAG, Value: "yes" }] }));

/** Seconds between two looks. */
const EVERY = 5;
/** Seconds until a fleet that was made or changed is active. */
const SETTLES = 90;

export function openScene(given: Given): Scene {
  const { clients, clock, signal } = given;
  const { ec2 } = clients;
  let network: Promise<string[]> | undefined;
  let made: Promise<string> | undefined;

  const until: Scene["until"] = async (seconds, look) => {
    const end = clock.now() + seconds * 1000;
    return poll<{ found: Awaited<ReturnType<typeof look>> }>(
      "it",
      async () => {
        const found = await look();
        return "done" in found || clock.now() >= end ? { done: { found } } : found;
      },
      { seconds: seconds + 10, everySeconds: EVERY, clock, signal },
    ).then(({ found }) => ("done" in found ? found.done : undefined));
  };

  const subnets = (): Promise<string[]> => {
    network ??= makeNetwork(ec2);
    return network;
  };

  const image = async (): Promise<string> =>
    (await clients.ssm.send(new GetParameterCommand({ Name: IMAGE }))).Parameter?.Value ?? "";

  const scene: Scene = {
    ...given,
    until,
    template: async (data = {}) => {
      const [first] = await subnets();
      if (first === undefined) throw new Error("there is no subnet");
      const LaunchTemplateData: RequestLaunchTemplateData = {
        ...{ ImageId: await image(), InstanceType: TYPE, TagSpecifications: tagged("instance", "volume") },
        InstanceInitiatedShutdownBehavior: "terminate",
        ...data,
      };
      if (made === undefined) {
        await serviceRoles(clients.iam);
        const request = { LaunchTemplateName: NAME, LaunchTemplateData };
        made = ec2
          .send(new CreateLaunchTemplateCommand({ ...request, TagSpecifications: tagged("launch-template") }))
          .then((answer) => answer.LaunchTemplate?.LaunchTemplateId ?? "");
        return { id: await made, version: "1" };
      }
      const id = await made;
      const request = { LaunchTemplateId: id, LaunchTemplateData };
      const answer = await ec2.send(new CreateLaunchTemplateVersionCommand(request));
      return { id, version: String(answer.LaunchTemplateVersion?.VersionNumber ?? 1) };
    },
    launch: async (Version) => [
      {
        LaunchTemplateSpecification: { LaunchTemplateId: await made, Version },
        Overrides: (await subnets()).map((SubnetId) => ({ InstanceType: TYPE, SubnetId })),
      },
    ],
    fleet: async (version, TotalTargetCapacity, more = {}, by = ec2) => {
      const answer = await by.send(
        new CreateFleetCommand({
          ...{ Type: "maintain", ExcessCapacityTerminationPolicy: "no-termination" },
          LaunchTemplateConfigs: await scene.launch(version),
          TargetCapacitySpecification: { TotalTargetCapacity, DefaultTargetCapacityType: "spot" },
          TagSpecifications: tagged("fleet"),
          ...more,
        }),
      );
      return answer.FleetId ?? "";
    },
    look: async (fleet) => {
      // Right after it was made it may not be known by its id.
      const found = await ec2.send(new DescribeFleetsCommand({}));
      return found.Fleets?.find((f) => f.FleetId === fleet);
    },
    settled: (fleet) =>
      until(SETTLES, async () => {
        const found = await scene.look(fleet);
        return found?.FleetState === "active" ? { done: found } : { waiting: found?.FleetState ?? "unknown" };
      }),
    modify: async (FleetId, change) => {
      await ec2.send(new ModifyFleetCommand({ FleetId, ...change }));
    },
  };
  return scene;
}

/** A VPC that leads nowhere: what is asked needs no network. */
async function makeNetwork(ec2: EC2Client): Promise<string[]> {
  const vpc = { CidrBlock: "10.83.0.0/16", TagSpecifications: tagged("vpc") };
  const VpcId = (await ec2.send(new CreateVpcCommand(vpc))).Vpc?.VpcId;
  const zones = await ec2.send(
    new DescribeAvailabilityZonesCommand({ Filters: [{ Name: "zone-type", Values: ["availability-zone"] }] }),
  );
  const made: string[] = [];
  for (const [n, zone] of (zones.AvailabilityZones ?? []).slice(0, 3).entries()) {
    const answer = await ec2.send(
      new CreateSubnetCommand({
        ...{ VpcId, CidrBlock: `10.83.${n}.0/24`, AvailabilityZone: zone.ZoneName },
        TagSpecifications: tagged("subnet"),
      }),
    );
    made.push(answer.Subnet?.SubnetId ?? "");
  }
  return made;
}

/** AWS's own, once per account; they stay. */
async function serviceRoles(iam: IAMClient): Promise<void> {
  for (const AWSServiceName of ["ec2fleet.amazonaws.com", "spot.amazonaws.com"]) {
    await iam.send(new CreateServiceLinkedRoleCommand({ AWSServiceName })).catch((error: Error) => {
      // It is there already.
      if (error.name !== "InvalidInput" && error.name !== "InvalidInputException") throw error;
    });
  }
}
