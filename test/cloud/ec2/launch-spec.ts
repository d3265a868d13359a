import type {
  InstanceMetadataOptionsRequest,
  LaunchTemplateInstanceMetadataOptionsRequest,
  RequestLaunchTemplateData,
  Tag,
  TagSpecification,
} from "@aws-sdk/client-ec2";
import type { CreditMode } from "../machines.ts";
import { AwsError, ContractError } from "../wire/errors.ts";
import type { Capacity, Market } from "./capacity.ts";
import { creditsAtLaunch } from "./credit-modes.ts";
import { combination, found, invalid, need } from "./errors.ts";
import type { Images, StoredImage } from "./images.ts";
import { type MachineType, machineType, offered } from "./instance-types.ts";
import type { Network, Subnet } from "./network.ts";
import type { Place } from "./place.ts";
import type { Profile, Profiles } from "./profiles.ts";
import { spotPrice } from "./spot-prices.ts";
import { checkTags } from "./tags.ts";
import { decodeUserData } from "./user-data.ts";
import { assertOnly, watch } from "./watched.ts";

/** Of all images here. */
const ROOT_DEVICE = "/dev/xvda";

/** A launch with nothing left to decide. */
export interface LaunchSpec {
  image: StoredImage;
  type: MachineType;
  subnet: Subnet;
  groupIds: string[];
  publicAddress: boolean;
  userData: Uint8Array | undefined;
  profile: Profile | undefined;
  keyName: string | undefined;
  market: Market;
  spot: {
    maxPrice: string | undefined;
    persistent: boolean;
    interruption: "terminate" | "stop" | "hibernate";
  };
  /** What `poweroff` inside means. */
  shutdownBehavior: "stop" | "terminate";
  metadata: { enabled: boolean; tokens: "optional" | "required"; hopLimit: number; tags: boolean };
  credits: CreditMode | undefined;
  rootVolume: { sizeGiB: number; type: string; deleteOnTermination: boolean };
  tags: { instance: Tag[]; volume: Tag[]; interface: Tag[]; spotRequest: Tag[] };
}

export interface LaunchWorld {
  place: Place;
  network: Network;
  images: Images;
  capacity: Capacity;
  profiles: Profiles;
}

/**
 * Turns launch parameters (of a template, with what a call or a fleet's override puts in their place) into a
 * spec, checking what EC2 checks at launch.
 * @throws AwsError the reason EC2 gives.
 */
export function launchSpec(world: LaunchWorld, data: RequestLaunchTemplateData, market: Market): LaunchSpec {
  const parameters = watch("launch parameters", data, ["Monitoring", "EbsOptimized"]);
  assertModelled(data);
  const spec = specOf(world, parameters.object, market);
  parameters.check();
  return spec;
}

function specOf(world: LaunchWorld, data: RequestLaunchTemplateData, market: Market): LaunchSpec {
  const { network } = world;
  const face = data.NetworkInterfaces?.[0];
  const subnet = subnetOf(world, face?.SubnetId, data.Placement?.AvailabilityZone);
  const type = machineType(need(data.InstanceType, "InstanceType"));
  const image = world.images.launchable(need(data.ImageId, "ImageId"));
  if (image.architecture !== type.arch) {
    throw invalid(
      `The architecture '${type.arch}' of the specified instance type does not match the architecture '${image.architecture}' of the specified AMI. Specify an instance type and an AMI that have matching architectures, and try again.`,
    );
  }
  const sizeGiB = data.BlockDeviceMappings?.[0]?.Ebs?.VolumeSize ?? image.sizeGiB;
  if (sizeGiB < image.sizeGiB) {
    throw new AwsError(
      "InvalidBlockDeviceMapping",
      `Volume of size ${sizeGiB}GB is smaller than snapshot '${image.snapshotId}', expect size>= ${image.sizeGiB}GB`,
    );
  }
  const groups = face?.Groups ?? data.SecurityGroupIds ?? [network.defaultGroup(subnet.vpcId)?.id ?? ""];
  for (const id of groups) {
    if (found(network.groups, id, "sg").vpcId !== subnet.vpcId) {
      throw new AwsError(
        "InvalidParameter",
        `Security group ${id} and subnet ${subnet.id} belong to different networks.`,
      );
    }
  }
  const root = data.BlockDeviceMappings?.find((b) => b.DeviceName === ROOT_DEVICE)?.Ebs;
  const spot = data.InstanceMarketOptions?.SpotOptions;
  const persistent = spot?.SpotInstanceType === "persistent";
  return {
    image,
    type,
    subnet,
    groupIds: [...groups],
    publicAddress: face?.AssociatePublicIpAddress ?? subnet.mapPublicIp,
    userData: data.UserData === undefined ? undefined : decodeUserData(data.UserData),
    profile: profileOf(world.profiles, data),
    keyName: data.KeyName,
    market,
    spot: {
      maxPrice: spot?.MaxPrice,
      persistent,
      interruption: spot?.InstanceInterruptionBehavior ?? "terminate",
    },
    shutdownBehavior: data.InstanceInitiatedShutdownBehavior ?? "stop",
    metadata: metadataOf(data.MetadataOptions),
    credits: creditsAtLaunch(type.name, data.CreditSpecification?.CpuCredits),
    rootVolume: {
      sizeGiB,
      type: root?.VolumeType ?? "gp3",
      deleteOnTermination: root?.DeleteOnTermination ?? true,
    },
    tags: tagsOf(data.TagSpecifications),
  };
}

/** @throws ContractError for what a launch would ignore here. */
function assertModelled(data: RequestLaunchTemplateData): void {
  const { NetworkInterfaces: faces = [], BlockDeviceMappings: disks = [] } = data;
  if (faces.length > 1) throw new ContractError("more than one network interface is not modelled");
  const wellKnown = ["DeviceIndex", "AssociatePublicIpAddress", "Groups", "SubnetId"];
  assertOnly("network interface", faces[0], [...wellKnown, "DeleteOnTermination", "Description"]);
  for (const disk of disks) {
    if (disk.DeviceName !== ROOT_DEVICE)
      throw new ContractError(`the disk ${disk.DeviceName} is not modelled`);
    assertOnly("disk", disk, ["DeviceName", "Ebs"]);
    const performance = ["Encrypted", "Iops", "Throughput"];
    assertOnly("disk", disk.Ebs, ["VolumeSize", "VolumeType", "DeleteOnTermination", ...performance]);
  }
  assertOnly("placement", data.Placement, ["AvailabilityZone"]);
  assertOnly("market options", data.InstanceMarketOptions, ["MarketType", "SpotOptions"]);
  const spot = data.InstanceMarketOptions?.SpotOptions;
  assertOnly("spot options", spot, ["MaxPrice", "SpotInstanceType", "InstanceInterruptionBehavior"]);
  const metadata = ["HttpEndpoint", "HttpTokens", "HttpPutResponseHopLimit", "InstanceMetadataTags"];
  assertOnly("metadata options", data.MetadataOptions, metadata);
}

/** @throws AwsError when the pool cannot launch now: not offered, no capacity, price too low. */
export function checkPool(world: LaunchWorld, spec: LaunchSpec): void {
  const { type, subnet, market } = spec;
  if (!offered(type.name, subnet.zone)) {
    throw new AwsError(
      "Unsupported",
      `Your requested instance type (${type.name}) is not supported in your requested Availability Zone (${subnet.zone}). Please retry your request by not specifying an Availability Zone or choosing another one.`,
    );
  }
  const shortage = world.capacity.shortage(type.name, subnet.zone, market);
  if (shortage !== undefined) throw shortage;
  const price = spotPrice(world.place, type, subnet.zone);
  const limit = Number(spec.spot.maxPrice ?? type.onDemand);
  if (market === "spot" && limit < price) {
    throw new AwsError(
      "SpotMaxPriceTooLow",
      `Your Spot request price of ${limit} is lower than the minimum required Spot request fulfillment price of ${price}.`,
    );
  }
}

function subnetOf({ network }: LaunchWorld, id: string | undefined, zone: string | undefined): Subnet {
  if (id !== undefined) {
    const subnet = found(network.subnets, id, "subnet");
    if (zone !== undefined && zone !== subnet.zone) {
      throw invalid(`The subnet ${id} is not in the Availability Zone ${zone}.`);
    }
    return subnet;
  }
  const fallback = [...network.subnets.values()].find(
    (s) => s.isDefault && (zone === undefined || s.zone === zone),
  );
  if (fallback === undefined) {
    throw new AwsError("MissingInput", "No subnets found for the default VPC. Please specify a subnet.");
  }
  return fallback;
}

function profileOf(profiles: Profiles, data: RequestLaunchTemplateData): Profile | undefined {
  const { Arn: arn, Name: name } = data.IamInstanceProfile ?? {};
  if (arn !== undefined && name !== undefined) {
    throw combination(
      "The parameter 'iamInstanceProfile.name' may not be used in combination with 'iamInstanceProfile.arn'",
    );
  }
  const wanted = arn ?? name;
  if (wanted === undefined) return undefined;
  const profile = profiles.find(wanted);
  if (profile === undefined) {
    const field = arn === undefined ? "name" : "arn";
    throw invalid(
      `Value (${wanted}) for parameter iamInstanceProfile.${field} is invalid. Invalid IAM Instance Profile ${field === "arn" ? "ARN" : field}`,
    );
  }
  return profile;
}

/** https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_InstanceMetadataOptionsRequest.html */
function metadataOf(
  given: InstanceMetadataOptionsRequest | LaunchTemplateInstanceMetadataOptionsRequest | undefined,
): LaunchSpec["metadata"] {
  const hopLimit = given?.HttpPutResponseHopLimit ?? 1;
  if (hopLimit < 1 || hopLimit > 64) throw invalid(`The hop limit ${hopLimit} is not between 1 and 64.`);
  return {
    enabled: given?.HttpEndpoint !== "disabled",
    tokens: given?.HttpTokens ?? "optional",
    hopLimit,
    tags: given?.InstanceMetadataTags === "enabled",
  };
}

function tagsOf(specifications: readonly TagSpecification[] | undefined): LaunchSpec["tags"] {
  const of = (type: string) =>
    checkTags((specifications ?? []).filter((s) => s.ResourceType === type).flatMap((s) => s.Tags ?? []));
  return {
    instance: of("instance"),
    volume: of("volume"),
    interface: of("network-interface"),
    spotRequest: of("spot-instances-request"),
  };
}
