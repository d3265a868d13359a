import type { Tag } from "@aws-sdk/client-ec2";
import { AwsError } from "../wire/errors.ts";
import { block, contains, networkBlock, overlaps } from "./cidr.ts";
import { chosen, found, invalid, need } from "./errors.ts";
import { select } from "./filters.ts";
import { newId } from "./ids.ts";
import type { Network, Subnet } from "./network.ts";
import type { Handlers } from "./operations.ts";
import { page } from "./paging.ts";
import type { Place } from "./place.ts";
import { specifiedTags } from "./tags.ts";
import { zoneId } from "./zones.ts";

export function addSubnet(place: Place, network: Network, given: Omit<Subnet, "id">, tags: Tag[]): Subnet {
  const subnet = { id: newId("subnet"), ...given };
  network.subnets.set(subnet.id, subnet);
  place.tags.adopt(subnet.id, "subnet", tags);
  return subnet;
}

export function subnetHandlers(place: Place, network: Network): Handlers {
  const shape = (subnet: Subnet) => ({
    SubnetId: subnet.id,
    SubnetArn: `arn:aws:ec2:${place.region}:${place.account}:subnet/${subnet.id}`,
    VpcId: subnet.vpcId,
    CidrBlock: subnet.cidr,
    AvailabilityZone: subnet.zone,
    AvailabilityZoneId: zoneId(subnet.zone),
    AvailableIpAddressCount: free(subnet),
    MapPublicIpOnLaunch: subnet.mapPublicIp,
    AssignIpv6AddressOnCreation: false,
    DefaultForAz: subnet.isDefault,
    State: "available" as const,
    OwnerId: place.account,
    Tags: place.tags.of(subnet.id),
  });
  /** AWS keeps five addresses of each subnet to itself. */
  const free = (subnet: Subnet): number => {
    const { first, last } = block(subnet.cidr);
    const used = [...network.interfaces.values()].filter((i) => i.subnetId === subnet.id).length;
    return last - first + 1 - 5 - used;
  };
  const find = (id: string | undefined) => found(network.subnets, id, "subnet", "SubnetId");
  return {
    CreateSubnet: (input) => {
      const vpc = found(network.vpcs, input.VpcId, "vpc", "VpcId");
      const cidr = need(input.CidrBlock, "CidrBlock");
      networkBlock(cidr, "Subnet");
      const zone =
        input.AvailabilityZone ??
        place.zones.find((z) => zoneId(z) === input.AvailabilityZoneId) ??
        (input.AvailabilityZoneId === undefined ? place.zones[0] : undefined);
      if (zone === undefined || !place.zones.includes(zone)) {
        throw invalid(
          `Value (${zone ?? input.AvailabilityZoneId}) for parameter availabilityZone is invalid. Subnets can currently only be created in the following availability zones: ${place.zones.join(", ")}.`,
        );
      }
      if (!contains(vpc.cidr, cidr))
        throw new AwsError("InvalidSubnet.Range", `The CIDR '${cidr}' is invalid.`);
      if ([...network.subnets.values()].some((s) => s.vpcId === vpc.id && overlaps(s.cidr, cidr))) {
        throw new AwsError("InvalidSubnet.Conflict", `The CIDR '${cidr}' conflicts with another subnet`);
      }
      const tags = specifiedTags(input.TagSpecifications, "subnet");
      const given = { vpcId: vpc.id, cidr, zone, isDefault: false, mapPublicIp: false };
      return { Subnet: shape(addSubnet(place, network, given, tags)) };
    },
    ModifySubnetAttribute: (input) => {
      const subnet = find(input.SubnetId);
      if (input.MapPublicIpOnLaunch?.Value !== undefined)
        subnet.mapPublicIp = input.MapPublicIpOnLaunch.Value;
      return {};
    },
    DeleteSubnet: (input) => {
      const subnet = find(input.SubnetId);
      network.assertSubnetEmpty(subnet.id);
      for (const table of network.routeTables.values()) {
        table.associations = table.associations.filter((a) => a.subnetId !== subnet.id);
      }
      network.subnets.delete(subnet.id);
      place.tags.drop(subnet.id);
      return {};
    },
    DescribeSubnets: (input) => {
      const wanted = select(
        chosen(network.subnets, input.SubnetIds, "subnet"),
        input.Filters,
        {
          "subnet-id": (s) => s.id,
          "vpc-id": (s) => s.vpcId,
          "availability-zone": (s) => s.zone,
          availabilityZone: (s) => s.zone,
          "availability-zone-id": (s) => zoneId(s.zone),
          cidr: (s) => s.cidr,
          "cidr-block": (s) => s.cidr,
          "default-for-az": (s) => String(s.isDefault),
          "map-public-ip-on-launch": (s) => String(s.mapPublicIp),
          "owner-id": () => place.account,
          state: () => "available",
        },
        (s) => place.tags.of(s.id),
      );
      const { items, nextToken } = page(wanted, input, place.pageSize);
      return { Subnets: items.map(shape), NextToken: nextToken };
    },
  };
}
