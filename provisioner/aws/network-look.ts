import {
  type EC2Client,
  paginateDescribeInternetGateways,
  paginateDescribeRouteTables,
  paginateDescribeSecurityGroups,
  paginateDescribeSubnets,
  paginateDescribeVpcs,
} from "@aws-sdk/client-ec2";
import type { Rule } from "../wanted/ingress.ts";
import { toRules } from "./ingress.ts";
import { siteFilter } from "./tags.ts";

/** Everything that carries the site's tag. Lists are sorted by id. */
export interface NetworkSeen {
  vpcs: { id: string; cidr: string }[];
  gateways: { id: string; vpc: string | undefined }[];
  subnets: { id: string; vpc: string; zone: string; cidr: string }[];
  routeTables: {
    id: string;
    vpc: string;
    /** Target of 0.0.0.0/0. */
    gateway: string | undefined;
    associations: { id: string; subnet: string }[];
  }[];
  groups: { id: string; vpc: string; rules: Rule[] }[];
}

export async function lookAtNetwork(client: EC2Client, site: string): Promise<NetworkSeen> {
  const filter = { Filters: [siteFilter(site)] };
  const [vpcs, gateways, subnets, tables, groups] = await Promise.all([
    gather(paginateDescribeVpcs({ client }, filter), (page) => page.Vpcs),
    gather(paginateDescribeInternetGateways({ client }, filter), (page) => page.InternetGateways),
    gather(paginateDescribeSubnets({ client }, filter), (page) => page.Subnets),
    gather(paginateDescribeRouteTables({ client }, filter), (page) => page.RouteTables),
    gather(paginateDescribeSecurityGroups({ client }, filter), (page) => page.SecurityGroups),
  ]);
  return {
    vpcs: sorted(vpcs.map((v) => ({ id: v.VpcId ?? "", cidr: v.CidrBlock ?? "" }))),
    gateways: sorted(
      gateways.map((g) => ({ id: g.InternetGatewayId ?? "", vpc: g.Attachments?.[0]?.VpcId })),
    ),
    subnets: sorted(
      subnets.map((s) => ({
        id: s.SubnetId ?? "",
        vpc: s.VpcId ?? "",
        zone: s.AvailabilityZone ?? "",
        cidr: s.CidrBlock ?? "",
      })),
    ),
    routeTables: sorted(
      tables.map((t) => ({
        id: t.RouteTableId ?? "",
        vpc: t.VpcId ?? "",
        gateway: t.Routes?.find((r) => r.DestinationCidrBlock === "0.0.0.0/0")?.GatewayId,
        associations: (t.Associations ?? []).flatMap((a) =>
          a.RouteTableAssociationId !== undefined && a.SubnetId !== undefined
            ? [{ id: a.RouteTableAssociationId, subnet: a.SubnetId }]
            : [],
        ),
      })),
    ),
    groups: sorted(
      groups.map((g) => ({
        id: g.GroupId ?? "",
        vpc: g.VpcId ?? "",
        rules: toRules(g.IpPermissions ?? [], g.GroupId ?? ""),
      })),
    ),
  };
}

/** Every item of every page. */
export async function gather<Page, Item>(
  pages: AsyncIterable<Page>,
  items: (page: Page) => readonly Item[] | undefined,
): Promise<Item[]> {
  const all: Item[] = [];
  for await (const page of pages) all.push(...(items(page) ?? []));
  return all;
}

const sorted = <T extends { id: string }>(list: T[]): T[] => list.sort((a, b) => (a.id < b.id ? -1 : 1));
