import { dependency } from "./errors.ts";

/** What a VPC holds, as plain records that refer to one another by id. */
export interface Vpc {
  id: string;
  cidr: string;
  isDefault: boolean;
  dnsSupport: boolean;
  dnsHostnames: boolean;
}
export interface Gateway {
  id: string;
  vpcId: string | undefined;
}
export interface Subnet {
  id: string;
  vpcId: string;
  cidr: string;
  zone: string;
  isDefault: boolean;
  mapPublicIp: boolean;
}
export interface Route {
  destination: string;
  gatewayId: string;
}
export interface RouteTable {
  id: string;
  vpcId: string;
  routes: Route[];
  associations: { id: string; subnetId: string | undefined; main: boolean }[];
}
export interface Rule {
  id: string;
  egress: boolean;
  protocol: string;
  from: number;
  to: number;
  /** One of the three. */
  peer: { cidr: string } | { cidr6: string } | { group: string };
  description: string | undefined;
}
export interface SecurityGroup {
  id: string;
  vpcId: string;
  name: string;
  description: string;
  rules: Rule[];
}
/**
 * An instance's one network interface, which holds its subnet and groups until the instance is terminated; or one made
 * by hand, or by a service, which holds them until it is deleted.
 */
export interface Interface {
  id: string;
  instanceId: string | undefined;
  /** "ELB app/…" for a load balancer's. */
  description?: string;
  subnetId: string;
  vpcId: string;
  groupIds: string[];
  /** Undefined while the instance is stopped. */
  publicIp: string | undefined;
  privateIp: string;
}

/** The whole of it, with the questions deletion asks. */
export class Network {
  readonly vpcs = new Map<string, Vpc>();
  readonly gateways = new Map<string, Gateway>();
  readonly subnets = new Map<string, Subnet>();
  readonly routeTables = new Map<string, RouteTable>();
  readonly groups = new Map<string, SecurityGroup>();
  readonly interfaces = new Map<string, Interface>();

  /** @throws AwsError DependencyViolation while something but the VPC's own defaults is in it. */
  assertVpcEmpty(vpcId: string): void {
    const inside =
      [...this.subnets.values()].some((s) => s.vpcId === vpcId) ||
      [...this.gateways.values()].some((g) => g.vpcId === vpcId) ||
      [...this.routeTables.values()].some((t) => t.vpcId === vpcId && !t.associations.some((a) => a.main)) ||
      [...this.groups.values()].some((g) => g.vpcId === vpcId && g.name !== "default") ||
      [...this.interfaces.values()].some((i) => i.vpcId === vpcId);
    if (inside) throw dependency(`The vpc '${vpcId}' has dependencies and cannot be deleted.`);
  }

  /** @throws AwsError DependencyViolation */
  assertSubnetEmpty(subnetId: string): void {
    if ([...this.interfaces.values()].some((i) => i.subnetId === subnetId)) {
      throw dependency(`The subnet '${subnetId}' has dependencies and cannot be deleted.`);
    }
  }

  /** @throws AwsError DependencyViolation */
  assertNoPublicAddress(vpcId: string): void {
    if ([...this.interfaces.values()].some((i) => i.vpcId === vpcId && i.publicIp !== undefined)) {
      throw dependency(
        `Network ${vpcId} has some mapped public address(es). Please unmap those public address(es) before detaching the gateway.`,
      );
    }
  }

  /** @throws AwsError DependencyViolation while an instance or a rule of another group refers to it. */
  assertGroupUnused(groupId: string): void {
    const used =
      [...this.interfaces.values()].some((i) => i.groupIds.includes(groupId)) ||
      [...this.groups.values()].some(
        (g) => g.id !== groupId && g.rules.some((r) => "group" in r.peer && r.peer.group === groupId),
      );
    if (used) throw dependency(`resource ${groupId} has a dependent object`);
  }

  defaultGroup(vpcId: string): SecurityGroup | undefined {
    return [...this.groups.values()].find((g) => g.vpcId === vpcId && g.name === "default");
  }
}
