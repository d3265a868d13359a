import { AwsError } from "../wire/errors.ts";
import { chosen, dependency, found, need } from "./errors.ts";
import { select } from "./filters.ts";
import { newId } from "./ids.ts";
import type { Gateway, Network } from "./network.ts";
import type { Handlers } from "./operations.ts";
import { page } from "./paging.ts";
import type { Place } from "./place.ts";
import { specifiedTags } from "./tags.ts";

export function gatewayHandlers(place: Place, network: Network): Handlers {
  const shape = (gateway: Gateway) => ({
    InternetGatewayId: gateway.id,
    OwnerId: place.account,
    // "available", not "attached", is what an internet gateway shows.
    Attachments: gateway.vpcId === undefined ? [] : [{ VpcId: gateway.vpcId, State: "available" as never }],
    Tags: place.tags.of(gateway.id),
  });
  const find = (id: string | undefined) => found(network.gateways, id, "igw", "InternetGatewayId");
  return {
    CreateInternetGateway: (input) => {
      const tags = specifiedTags(input.TagSpecifications, "internet-gateway");
      const gateway: Gateway = { id: newId("igw"), vpcId: undefined };
      network.gateways.set(gateway.id, gateway);
      place.tags.adopt(gateway.id, "internet-gateway", tags);
      return { InternetGateway: shape(gateway) };
    },
    AttachInternetGateway: (input) => {
      const gateway = find(input.InternetGatewayId);
      const vpc = found(network.vpcs, input.VpcId, "vpc", "VpcId");
      if (gateway.vpcId !== undefined) {
        throw new AwsError(
          "Resource.AlreadyAssociated",
          `resource ${gateway.id} is already attached to network ${gateway.vpcId}`,
        );
      }
      if ([...network.gateways.values()].some((g) => g.vpcId === vpc.id)) {
        throw new AwsError(
          "InvalidParameterValue",
          `Network ${vpc.id} already has an internet gateway attached`,
        );
      }
      gateway.vpcId = vpc.id;
      return {};
    },
    DetachInternetGateway: (input) => {
      const gateway = find(input.InternetGatewayId);
      const vpcId = need(input.VpcId, "VpcId");
      if (gateway.vpcId !== vpcId) {
        throw new AwsError(
          "Gateway.NotAttached",
          `resource ${gateway.id} is not attached to network ${vpcId}`,
        );
      }
      network.assertNoPublicAddress(vpcId);
      gateway.vpcId = undefined;
      return {};
    },
    DeleteInternetGateway: (input) => {
      const gateway = find(input.InternetGatewayId);
      if (gateway.vpcId !== undefined) {
        throw dependency(`The internetGateway '${gateway.id}' has dependencies and cannot be deleted.`);
      }
      network.gateways.delete(gateway.id);
      place.tags.drop(gateway.id);
      return {};
    },
    DescribeInternetGateways: (input) => {
      const wanted = select(
        chosen(network.gateways, input.InternetGatewayIds, "igw"),
        input.Filters,
        {
          "internet-gateway-id": (g) => g.id,
          "attachment.vpc-id": (g) => g.vpcId,
          "attachment.state": (g) => (g.vpcId === undefined ? undefined : "available"),
          "owner-id": () => place.account,
        },
        (g) => place.tags.of(g.id),
      );
      const { items, nextToken } = page(wanted, input, place.pageSize);
      return { InternetGateways: items.map(shape), NextToken: nextToken };
    },
  };
}
