import type { Instance as Shape } from "@aws-sdk/client-ec2";
import { type Instance, stateShape } from "./instance.ts";
import type { Network } from "./network.ts";
import type { Place } from "./place.ts";
import { privateName } from "./view.ts";
import { zoneId } from "./zones.ts";

/** An instance as DescribeInstances shows it; a terminated one has lost its network. */
export function instanceShape(place: Place, network: Network, instance: Instance): Shape {
  const { spec } = instance;
  const face = network.interfaces.get(instance.interfaceId);
  const address = face?.privateIp;
  const publicIp = face?.publicIp;
  return {
    InstanceId: instance.id,
    ImageId: spec.image.id,
    InstanceType: spec.type.name,
    Architecture: spec.type.arch,
    AmiLaunchIndex: 0,
    ClientToken: instance.clientToken ?? "",
    State: stateShape(instance.state),
    StateTransitionReason: instance.transitionReason,
    ...(instance.stateReason === undefined
      ? {}
      : { StateReason: { Code: instance.stateReason.code, Message: instance.stateReason.message } }),
    LaunchTime: instance.launched,
    Placement: {
      AvailabilityZone: spec.subnet.zone,
      AvailabilityZoneId: zoneId(spec.subnet.zone),
      GroupName: "",
      Tenancy: "default",
    },
    ...(spec.market === "spot"
      ? { InstanceLifecycle: "spot" as const, SpotInstanceRequestId: instance.spotRequestId }
      : {}),
    KeyName: spec.keyName,
    PrivateDnsName: address === undefined ? "" : privateName(place, address),
    PublicDnsName:
      publicIp === undefined ? "" : `ec2-${publicIp.replaceAll(".", "-")}.compute-1.amazonaws.com`,
    ...(face === undefined ? {} : { PrivateIpAddress: address, SubnetId: face.subnetId, VpcId: face.vpcId }),
    ...(publicIp === undefined ? {} : { PublicIpAddress: publicIp }),
    SecurityGroups: (face?.groupIds ?? []).map((GroupId) => ({
      GroupId,
      GroupName: network.groups.get(GroupId)?.name,
    })),
    NetworkInterfaces:
      face === undefined
        ? []
        : [
            {
              NetworkInterfaceId: face.id,
              PrivateIpAddress: address,
              SubnetId: face.subnetId,
              VpcId: face.vpcId,
              Status: "in-use",
              Groups: face.groupIds.map((GroupId) => ({
                GroupId,
                GroupName: network.groups.get(GroupId)?.name,
              })),
              ...(publicIp === undefined ? {} : { Association: { PublicIp: publicIp, IpOwnerId: "amazon" } }),
            },
          ],
    ...(spec.profile === undefined
      ? {}
      : { IamInstanceProfile: { Arn: spec.profile.arn, Id: spec.profile.id } }),
    MetadataOptions: {
      State: "applied",
      HttpTokens: spec.metadata.tokens,
      HttpEndpoint: spec.metadata.enabled ? "enabled" : "disabled",
      HttpPutResponseHopLimit: spec.metadata.hopLimit,
      InstanceMetadataTags: spec.metadata.tags ? "enabled" : "disabled",
    },
    RootDeviceName: "/dev/xvda",
    RootDeviceType: "ebs",
    BlockDeviceMappings:
      instance.state === "terminated"
        ? []
        : [
            {
              DeviceName: "/dev/xvda",
              Ebs: {
                VolumeId: instance.volumeId,
                Status: "attached",
                AttachTime: instance.launched,
                DeleteOnTermination: spec.rootVolume.deleteOnTermination,
              },
            },
          ],
    Hypervisor: "xen",
    VirtualizationType: "hvm",
    EbsOptimized: false,
    EnaSupport: true,
    SourceDestCheck: true,
    Monitoring: { State: "disabled" },
    Tags: place.tags.of(instance.id),
  };
}
