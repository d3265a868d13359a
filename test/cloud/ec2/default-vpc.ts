import { newId } from "./ids.ts";
import type { Network } from "./network.ts";
import type { Place } from "./place.ts";
import { addSubnet } from "./subnets.ts";
import { addVpc } from "./vpcs.ts";

/** What every account has in every region: a default VPC with a public subnet in each zone. Untagged. */
export function addDefaultVpc(place: Place, network: Network): void {
  const vpc = addVpc(place, network, "172.31.0.0/16", true, []);
  const gateway = { id: newId("igw"), vpcId: vpc.id };
  network.gateways.set(gateway.id, gateway);
  place.tags.adopt(gateway.id, "internet-gateway");
  for (const table of network.routeTables.values()) {
    if (table.vpcId === vpc.id) table.routes.push({ destination: "0.0.0.0/0", gatewayId: gateway.id });
  }
  for (const [n, zone] of place.zones.entries()) {
    const subnet = { vpcId: vpc.id, cidr: `172.31.${16 * n}.0/20`, zone, isDefault: true, mapPublicIp: true };
    addSubnet(place, network, subnet, []);
  }
}
