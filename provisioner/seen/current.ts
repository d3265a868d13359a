import type { FleetSeen } from "../aws/fleets.ts";
import type { TemplateSeen } from "../aws/templates.ts";
import type { Rule } from "../wanted/ingress.ts";
import type { SiteSeen } from "./observe.ts";

/**
 * The one of each resource that the site uses. Where two of a kind carry the tag (after a call that succeeded although
 * its answer was lost), the first by id counts; `down` deletes both.
 */
export interface Current {
  vpc: { id: string; cidr: string } | undefined;
  gateway: { id: string; attached: boolean } | undefined;
  /** By zone. */
  subnets: ReadonlyMap<string, { id: string; cidr: string }>;
  routeTable: { id: string; gateway: string | undefined; subnets: readonly string[] } | undefined;
  group: { id: string; rules: readonly Rule[] } | undefined;
  template: TemplateSeen | undefined;
  fleet: FleetSeen | undefined;
  /** The fleet that lends an on-demand instance while there is no spot capacity. */
  bridge: FleetSeen | undefined;
}

export function currentOf(seen: SiteSeen): Current {
  const { vpcs, gateways, subnets, routeTables, groups } = seen.network;
  // A VPC with something in it comes before an empty twin.
  const vpc = vpcs.find((v) => subnets.some((s) => s.vpc === v.id)) ?? vpcs[0];
  const gateway =
    gateways.find((g) => vpc !== undefined && g.vpc === vpc.id) ?? gateways.find((g) => g.vpc === undefined);
  const table = routeTables.find((t) => t.vpc === vpc?.id);
  return {
    vpc,
    gateway: gateway && { id: gateway.id, attached: gateway.vpc !== undefined },
    subnets: new Map(
      subnets.filter((s) => s.vpc === vpc?.id).map((s) => [s.zone, { id: s.id, cidr: s.cidr }]),
    ),
    routeTable: table && { ...table, subnets: table.associations.map((a) => a.subnet) },
    group: groups.find((g) => g.vpc === vpc?.id),
    template: seen.templates[0],
    fleet: seen.fleets.find((f) => f.alive && !f.bridge),
    bridge: seen.fleets.find((f) => f.alive && f.bridge),
  };
}
