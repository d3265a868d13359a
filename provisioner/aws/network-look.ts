import {
  type EC2Client,
  type NetworkInterface,
  paginateDescribeInternetGateways,
  paginateDescribeNetworkInterfaces,
  paginateDescribeRouteTables,
  paginateDescribeSecurityGroups,
  paginateDescribeSubnets,
  paginateDescribeVpcs,
  type Tag,
} from "@aws-sdk/client-ec2";
import { SITE_TAG } from "../../agent/site/names.ts";
import type { Rule } from "../wanted/ingress.ts";
import { toRules } from "./ingress.ts";
import { siteFilter, tagOf } from "./tags.ts";

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

/** What is to be deleted; a gateway is held by public addresses alone. */
export type Holding = { group: string } | { subnet: string } | { vpc: string; publicOnly?: boolean };

/**
 * What of others keeps a part of the network from being deleted, a line each. Load balancers, databases, NAT gateways and
 * the like are in a VPC by their network interfaces, whose description says what they are.
 * @param own the site's instances, those that have ended too: their interfaces go by themselves.
 */
export async function inTheWay(
  client: EC2Client,
  site: string,
  of: Holding,
  own: ReadonlySet<string>,
): Promise<string[]> {
  const filter = (Name: string, value: string) => ({ Filters: [{ Name, Values: [value] }] });
  const [name, id] =
    "group" in of ? ["group-id", of.group] : "subnet" in of ? ["subnet-id", of.subnet] : ["vpc-id", of.vpc];
  const faces = await gather(
    paginateDescribeNetworkInterfaces({ client }, filter(name, id)),
    (page) => page.NetworkInterfaces,
  );
  const publicOnly = "vpc" in of && of.publicOnly === true;
  const lines = faces
    .filter((f) => !own.has(f.Attachment?.InstanceId ?? ""))
    .filter((f) => !publicOnly || f.Association?.PublicIp !== undefined)
    .map(describe);
  const foreign = <T extends { Tags?: Tag[] | undefined }>(list: T[]): T[] =>
    list.filter((one) => tagOf(one.Tags, SITE_TAG) !== site);
  if ("group" in of) {
    const groups = await gather(
      paginateDescribeSecurityGroups({ client }, filter("ip-permission.group-id", of.group)),
      (page) => page.SecurityGroups,
    );
    lines.push(
      ...foreign(groups).map((g) => `security group ${g.GroupId} (${g.GroupName}) names it in a rule`),
    );
  }
  if ("vpc" in of && !publicOnly) {
    const inside = filter("vpc-id", of.vpc);
    const [subnets, groups, tables] = await Promise.all([
      gather(paginateDescribeSubnets({ client }, inside), (page) => page.Subnets),
      gather(paginateDescribeSecurityGroups({ client }, inside), (page) => page.SecurityGroups),
      gather(paginateDescribeRouteTables({ client }, inside), (page) => page.RouteTables),
    ]);
    lines.push(
      ...foreign(subnets).map((s) => `subnet ${s.SubnetId} (${s.CidrBlock})`),
      ...foreign(groups)
        .filter((g) => g.GroupName !== "default")
        .map((g) => `security group ${g.GroupId} (${g.GroupName})`),
      ...foreign(tables)
        .filter((t) => !t.Associations?.some((a) => a.Main))
        .map((t) => `route table ${t.RouteTableId}`),
    );
  }
  return lines.sort();
}

function describe(face: NetworkInterface): string {
  const { NetworkInterfaceId: id, Attachment, Description = "", InterfaceType = "interface" } = face;
  if (Attachment?.InstanceId !== undefined)
    return `instance ${Attachment.InstanceId} (network interface ${id})`;
  const balancer = /^ELB (.+)$/.exec(Description)?.[1];
  if (balancer !== undefined) return `load balancer ${balancer} (network interface ${id})`;
  const kind = Description === "" ? InterfaceType : Description;
  return `network interface ${id}${kind === "interface" ? "" : ` (${kind})`}`;
}
