import { AwsError } from "../wire/errors.ts";
import { chosen, found } from "./errors.ts";
import { select } from "./filters.ts";
import { newId } from "./ids.ts";
import type { Network } from "./network.ts";
import type { Handlers } from "./operations.ts";
import { page } from "./paging.ts";
import type { Place } from "./place.ts";
import { specifiedTags } from "./tags.ts";

/** An instance's disk. It outlives the instance only if it was launched so. */
export interface Volume {
  id: string;
  /** Undefined once the instance is terminated. */
  instanceId: string | undefined;
  zone: string;
  sizeGiB: number;
  type: string;
  created: Date;
}

/** Disks and network interfaces come and go with instances; only a disk that was left behind can be deleted. */
export function attachmentHandlers(place: Place, network: Network, volumes: Map<string, Volume>): Handlers {
  const state = (volume: Volume) =>
    volume.instanceId === undefined ? ("available" as const) : ("in-use" as const);
  const shape = (volume: Volume) => ({
    VolumeId: volume.id,
    AvailabilityZone: volume.zone,
    Size: volume.sizeGiB,
    VolumeType: volume.type as "gp3",
    State: state(volume),
    CreateTime: volume.created,
    Encrypted: false,
    Attachments:
      volume.instanceId === undefined
        ? []
        : [
            {
              InstanceId: volume.instanceId,
              VolumeId: volume.id,
              Device: "/dev/xvda",
              State: "attached" as const,
            },
          ],
    Tags: place.tags.of(volume.id),
  });
  return {
    DescribeVolumes: (input) => {
      const wanted = select(
        chosen(volumes, input.VolumeIds, "vol"),
        input.Filters,
        {
          "volume-id": (v) => v.id,
          "attachment.instance-id": (v) => v.instanceId,
          "availability-zone": (v) => v.zone,
          status: state,
        },
        (v) => place.tags.of(v.id),
      );
      const { items, nextToken } = page(wanted, input, place.pageSize);
      return { Volumes: items.map(shape), NextToken: nextToken };
    },
    DeleteVolume: (input) => {
      const volume = found(volumes, input.VolumeId, "vol", "VolumeId");
      if (volume.instanceId !== undefined) {
        throw new AwsError(
          "VolumeInUse",
          `Volume ${volume.id} is currently attached to ${volume.instanceId}`,
        );
      }
      volumes.delete(volume.id);
      place.tags.drop(volume.id);
      return {};
    },
    CreateNetworkInterface: (input) => {
      const subnet = found(network.subnets, input.SubnetId, "subnet", "SubnetId");
      const groupIds = input.Groups ?? [network.defaultGroup(subnet.vpcId)?.id ?? ""];
      for (const group of groupIds) found(network.groups, group, "sg");
      const face = {
        ...{ id: newId("eni"), instanceId: undefined, description: input.Description ?? "" },
        ...{ subnetId: subnet.id, vpcId: subnet.vpcId, groupIds, publicIp: undefined, privateIp: "" },
      };
      network.interfaces.set(face.id, face);
      place.tags.adopt(
        face.id,
        "network-interface",
        specifiedTags(input.TagSpecifications, "network-interface"),
      );
      return { NetworkInterface: { NetworkInterfaceId: face.id, SubnetId: subnet.id, VpcId: subnet.vpcId } };
    },
    DeleteNetworkInterface: (input) => {
      const face = found(network.interfaces, input.NetworkInterfaceId, "eni", "NetworkInterfaceId");
      if (face.instanceId !== undefined) {
        throw new AwsError("InvalidParameterValue", `Network interface '${face.id}' is currently in use.`);
      }
      network.interfaces.delete(face.id);
      place.tags.drop(face.id);
      return {};
    },
    DescribeNetworkInterfaces: (input) => {
      const wanted = select(
        chosen(network.interfaces, input.NetworkInterfaceIds, "eni"),
        input.Filters,
        {
          "network-interface-id": (f) => f.id,
          "vpc-id": (f) => f.vpcId,
          "subnet-id": (f) => f.subnetId,
          "group-id": (f) => f.groupIds,
          "attachment.instance-id": (f) => f.instanceId,
          status: (f) => (f.instanceId === undefined ? "available" : "in-use"),
        },
        (f) => place.tags.of(f.id),
      );
      const { items, nextToken } = page(wanted, input, place.pageSize);
      return {
        NetworkInterfaces: items.map((f) => ({
          NetworkInterfaceId: f.id,
          VpcId: f.vpcId,
          SubnetId: f.subnetId,
          PrivateIpAddress: f.privateIp,
          Status: f.instanceId === undefined ? ("available" as const) : ("in-use" as const),
          Description: f.description ?? "",
          InterfaceType: "interface" as const,
          Groups: f.groupIds.map((GroupId) => ({ GroupId, GroupName: network.groups.get(GroupId)?.name })),
          ...(f.publicIp === undefined ? {} : { Association: { PublicIp: f.publicIp } }),
          ...(f.instanceId === undefined
            ? {}
            : {
                Attachment: { InstanceId: f.instanceId, Status: "attached" as const, DeviceIndex: 0 },
              }),
          TagSet: place.tags.of(f.id),
        })),
        NextToken: nextToken,
      };
    },
  };
}
