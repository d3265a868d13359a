import { AwsError } from "../wire/errors.ts";
import { chosen, dependency, found, invalid, need } from "./errors.ts";
import { select } from "./filters.ts";
import { newId } from "./ids.ts";
import type { Network, RouteTable } from "./network.ts";
import type { Handlers } from "./operations.ts";
import { page } from "./paging.ts";
import type { Place } from "./place.ts";
import { specifiedTags } from "./tags.ts";

export function routeTableHandlers(place: Place, network: Network): Handlers {
  const local = (table: RouteTable) => network.vpcs.get(table.vpcId)?.cidr ?? "";
  const shape = (table: RouteTable) => ({
    RouteTableId: table.id,
    VpcId: table.vpcId,
    OwnerId: place.account,
    PropagatingVgws: [],
    Routes: [
      {
        DestinationCidrBlock: local(table),
        GatewayId: "local",
        State: "active" as const,
        Origin: "CreateRouteTable" as const,
      },
      ...table.routes.map((r) => ({
        DestinationCidrBlock: r.destination,
        GatewayId: r.gatewayId,
        State:
          network.gateways.get(r.gatewayId)?.vpcId === table.vpcId
            ? ("active" as const)
            : ("blackhole" as const),
        Origin: "CreateRoute" as const,
      })),
    ],
    Associations: table.associations.map((a) => ({
      RouteTableAssociationId: a.id,
      RouteTableId: table.id,
      SubnetId: a.subnetId,
      Main: a.main,
      AssociationState: { State: "associated" as const },
    })),
    Tags: place.tags.of(table.id),
  });
  const find = (id: string | undefined) => found(network.routeTables, id, "rtb", "RouteTableId");
  const target = (table: RouteTable, gatewayId: string | undefined) => {
    if (gatewayId === undefined) throw invalid("only routes to an internet gateway are modelled here");
    const gateway = found(network.gateways, gatewayId, "igw", "GatewayId");
    if (gateway.vpcId !== table.vpcId) {
      throw invalid(`route table ${table.id} and network gateway ${gateway.id} belong to different networks`);
    }
    return gateway.id;
  };
  return {
    CreateRouteTable: (input) => {
      const vpc = found(network.vpcs, input.VpcId, "vpc", "VpcId");
      const tags = specifiedTags(input.TagSpecifications, "route-table");
      const table: RouteTable = { id: newId("rtb"), vpcId: vpc.id, routes: [], associations: [] };
      network.routeTables.set(table.id, table);
      place.tags.adopt(table.id, "route-table", tags);
      return { RouteTable: shape(table) };
    },
    DeleteRouteTable: (input) => {
      const table = find(input.RouteTableId);
      if (table.associations.length > 0) {
        throw dependency(`The routeTable '${table.id}' has dependencies and cannot be deleted.`);
      }
      network.routeTables.delete(table.id);
      place.tags.drop(table.id);
      return {};
    },
    CreateRoute: (input) => {
      const table = find(input.RouteTableId);
      const destination = need(input.DestinationCidrBlock, "DestinationCidrBlock");
      const gatewayId = target(table, input.GatewayId);
      const known = table.routes.find((r) => r.destination === destination);
      if (known !== undefined || destination === local(table)) {
        throw new AwsError("RouteAlreadyExists", `The route identified by ${destination} already exists.`);
      }
      table.routes.push({ destination, gatewayId });
      return { Return: true };
    },
    ReplaceRoute: (input) => {
      const table = find(input.RouteTableId);
      route(table, input.DestinationCidrBlock).gatewayId = target(table, input.GatewayId);
      return {};
    },
    DeleteRoute: (input) => {
      const table = find(input.RouteTableId);
      const gone = route(table, input.DestinationCidrBlock);
      table.routes = table.routes.filter((r) => r !== gone);
      return {};
    },
    AssociateRouteTable: (input) => {
      const table = find(input.RouteTableId);
      const subnet = found(network.subnets, input.SubnetId, "subnet", "SubnetId");
      if (subnet.vpcId !== table.vpcId) {
        throw invalid(`route table ${table.id} and subnet ${subnet.id} belong to different networks`);
      }
      for (const other of network.routeTables.values()) {
        const known = other.associations.find((a) => a.subnetId === subnet.id);
        if (known !== undefined) {
          throw new AwsError(
            "Resource.AlreadyAssociated",
            `the specified association for route table ${table.id} conflicts with an existing association ${known.id}`,
          );
        }
      }
      const id = newId("rtbassoc");
      table.associations.push({ id, subnetId: subnet.id, main: false });
      return { AssociationId: id, AssociationState: { State: "associated" } };
    },
    DisassociateRouteTable: (input) => {
      const id = need(input.AssociationId, "AssociationId");
      const table = [...network.routeTables.values()].find((t) => t.associations.some((a) => a.id === id));
      if (table === undefined) {
        throw new AwsError("InvalidAssociationID.NotFound", `The association ID '${id}' does not exist`);
      }
      if (table.associations.some((a) => a.id === id && a.main)) {
        throw invalid(`cannot disassociate the main route table association ${id}`);
      }
      table.associations = table.associations.filter((a) => a.id !== id);
      return {};
    },
    DescribeRouteTables: (input) => {
      const wanted = select(
        chosen(network.routeTables, input.RouteTableIds, "rtb"),
        input.Filters,
        {
          "route-table-id": (t) => t.id,
          "vpc-id": (t) => t.vpcId,
          "association.main": (t) =>
            t.associations.length > 0 ? t.associations.map((a) => String(a.main)) : "false",
          "association.subnet-id": (t) => t.associations.flatMap((a) => a.subnetId ?? []),
          "association.route-table-association-id": (t) => t.associations.map((a) => a.id),
          "route.destination-cidr-block": (t) => [local(t), ...t.routes.map((r) => r.destination)],
          "route.gateway-id": (t) => ["local", ...t.routes.map((r) => r.gatewayId)],
          "owner-id": () => place.account,
        },
        (t) => place.tags.of(t.id),
      );
      const { items, nextToken } = page(wanted, input, place.pageSize);
      return { RouteTables: items.map(shape), NextToken: nextToken };
    },
  };
}

function route(table: RouteTable, destination: string | undefined) {
  const wanted = need(destination, "DestinationCidrBlock");
  const known = table.routes.find((r) => r.destination === wanted);
  if (known === undefined) {
    throw new AwsError(
      "InvalidRoute.NotFound",
      `no route with destination-cidr-block ${wanted} in route table ${table.id}`,
    );
  }
  return known;
}
