import type { Tag } from "@aws-sdk/client-ec2";
import { AwsError } from "../wire/errors.ts";
import { networkBlock } from "./cidr.ts";
import { chosen, found, need } from "./errors.ts";
import { select } from "./filters.ts";
import { newId } from "./ids.ts";
import type { Network, Vpc } from "./network.ts";
import type { Handlers } from "./operations.ts";
import { page } from "./paging.ts";
import type { Place } from "./place.ts";
import { addGroup } from "./security-groups.ts";
import { specifiedTags } from "./tags.ts";

/** A VPC with what AWS puts into each: the main route table and the default security group. */
export function addVpc(place: Place, network: Network, cidr: string, isDefault: boolean, tags: Tag[]): Vpc {
  const vpc: Vpc = { id: newId("vpc"), cidr, isDefault, dnsSupport: true, dnsHostnames: isDefault };
  network.vpcs.set(vpc.id, vpc);
  place.tags.adopt(vpc.id, "vpc", tags);
  const table = {
    id: newId("rtb"),
    vpcId: vpc.id,
    routes: [],
    associations: [{ id: newId("rtbassoc"), subnetId: undefined, main: true }],
  };
  network.routeTables.set(table.id, table);
  place.tags.adopt(table.id, "route-table");
  const group = addGroup(place, network, {
    vpcId: vpc.id,
    name: "default",
    description: "default VPC security group",
  });
  group.rules.push({
    id: newId("sgr"),
    egress: false,
    protocol: "-1",
    from: -1,
    to: -1,
    peer: { group: group.id },
    description: undefined,
  });
  return vpc;
}

export function vpcHandlers(place: Place, network: Network, most: () => number): Handlers {
  const shape = (vpc: Vpc) => ({
    VpcId: vpc.id,
    CidrBlock: vpc.cidr,
    State: "available" as const,
    IsDefault: vpc.isDefault,
    InstanceTenancy: "default" as const,
    OwnerId: place.account,
    Tags: place.tags.of(vpc.id),
  });
  return {
    CreateVpc: (input) => {
      const cidr = need(input.CidrBlock, "CidrBlock");
      networkBlock(cidr, "Vpc");
      if (network.vpcs.size >= most())
        throw new AwsError("VpcLimitExceeded", "The maximum number of VPCs has been reached.");
      const tags = specifiedTags(input.TagSpecifications, "vpc");
      return { Vpc: { ...shape(addVpc(place, network, cidr, false, tags)), State: "pending" } };
    },
    DescribeVpcs: (input) => {
      const wanted = select(
        chosen(network.vpcs, input.VpcIds, "vpc"),
        input.Filters,
        {
          "vpc-id": (v) => v.id,
          cidr: (v) => v.cidr,
          "cidr-block": (v) => v.cidr,
          "is-default": (v) => String(v.isDefault),
          "owner-id": () => place.account,
          state: () => "available",
        },
        (v) => place.tags.of(v.id),
      );
      const { items, nextToken } = page(wanted, input, place.pageSize);
      return { Vpcs: items.map(shape), NextToken: nextToken };
    },
    ModifyVpcAttribute: (input) => {
      const vpc = found(network.vpcs, input.VpcId, "vpc", "VpcId");
      if (input.EnableDnsSupport?.Value !== undefined) vpc.dnsSupport = input.EnableDnsSupport.Value;
      if (input.EnableDnsHostnames?.Value !== undefined) vpc.dnsHostnames = input.EnableDnsHostnames.Value;
      return {};
    },
    DescribeVpcAttribute: (input) => {
      const vpc = found(network.vpcs, input.VpcId, "vpc", "VpcId");
      const VpcId = vpc.id;
      if (input.Attribute === "enableDnsHostnames")
        return { VpcId, EnableDnsHostnames: { Value: vpc.dnsHostnames } };
      return { VpcId, EnableDnsSupport: { Value: vpc.dnsSupport } };
    },
    DeleteVpc: (input) => {
      const vpc = found(network.vpcs, input.VpcId, "vpc", "VpcId");
      network.assertVpcEmpty(vpc.id);
      for (const items of [network.routeTables, network.groups]) {
        for (const item of [...items.values()].filter((i) => i.vpcId === vpc.id)) {
          items.delete(item.id);
          place.tags.drop(item.id);
        }
      }
      network.vpcs.delete(vpc.id);
      place.tags.drop(vpc.id);
      return {};
    },
  };
}
