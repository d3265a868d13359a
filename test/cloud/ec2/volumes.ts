import { chosen } from "./errors.ts";
import { select } from "./filters.ts";
import type { Instance } from "./instance.ts";
import type { Instances } from "./instances.ts";
import type { Network } from "./network.ts";
import type { Handlers } from "./operations.ts";
import { page } from "./paging.ts";
import type { Place } from "./place.ts";

/** The disks and network interfaces that come and go with instances; they can be looked at only. */
export function attachmentHandlers(place: Place, network: Network, instances: Instances): Handlers {
  const volumeShape = (instance: Instance) => ({
    VolumeId: instance.volumeId,
    AvailabilityZone: instance.spec.subnet.zone,
    Size: instance.spec.rootVolume.sizeGiB,
    VolumeType: instance.spec.rootVolume.type as "gp3",
    State: instance.state === "terminated" ? ("available" as const) : ("in-use" as const),
    CreateTime: instance.launched,
    Attachments:
      instance.state === "terminated"
        ? []
        : [
            {
              InstanceId: instance.id,
              VolumeId: instance.volumeId,
              Device: "/dev/xvda",
              State: "attached" as const,
            },
          ],
    Tags: place.tags.of(instance.volumeId),
  });
  return {
    DescribeVolumes: (input) => {
      const there = instances
        .list()
        .filter((i) => i.state !== "terminated" || !i.spec.rootVolume.deleteOnTermination);
      const wanted = select(
        chosen(new Map(there.map((i) => [i.volumeId, i])), input.VolumeIds, "vol"),
        input.Filters,
        {
          "volume-id": (i) => i.volumeId,
          "attachment.instance-id": (i) => (i.state === "terminated" ? undefined : i.id),
          "availability-zone": (i) => i.spec.subnet.zone,
          status: (i) => (i.state === "terminated" ? "available" : "in-use"),
        },
        (i) => place.tags.of(i.volumeId),
      );
      const { items, nextToken } = page(wanted, input, place.pageSize);
      return { Volumes: items.map(volumeShape), NextToken: nextToken };
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
          status: () => "in-use",
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
          Status: "in-use" as const,
          Groups: f.groupIds.map((GroupId) => ({ GroupId, GroupName: network.groups.get(GroupId)?.name })),
          Attachment: { InstanceId: f.instanceId, Status: "attached" as const, DeviceIndex: 0 },
          TagSet: place.tags.of(f.id),
        })),
        NextToken: nextToken,
      };
    },
  };
}
