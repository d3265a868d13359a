import type { Capacity, Market } from "./capacity.ts";
import type { FleetConfig, Pool } from "./fleet.ts";
import { machineType } from "./instance-types.ts";
import type { Network } from "./network.ts";
import type { Place } from "./place.ts";
import { spotPrice } from "./spot-prices.ts";

interface Candidate {
  pool: Pool;
  price: number;
  /** How short of capacity it looks. */
  pressure: number;
  priority: number;
  /** Members that are in it already. */
  members: number;
}

/**
 * A fleet's pools, the one its allocation strategy would take first in front.
 * https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/ec2-fleet-allocation-strategy.html
 * @param membersIn how many instances of the fleet are in a type and zone.
 */
export function poolsInOrder(
  world: { place: Place; network: Network; capacity: Capacity },
  fleet: FleetConfig,
  market: Market,
  membersIn: (type: string, zone: string) => number,
): Pool[] {
  const candidates = fleet.templates
    .flatMap((template) => template.overrides.map((override): Pool => ({ template, override })))
    .map((pool): Candidate => {
      const type = machineType(pool.override.instanceType ?? "");
      const zone = zoneOf(world.network, pool) ?? world.place.zones[0] ?? "";
      return {
        pool,
        price: market === "spot" ? spotPrice(world.place, type, zone) : type.onDemand,
        pressure: world.capacity.pressure(type.name, zone),
        priority: pool.override.priority ?? Number.POSITIVE_INFINITY,
        members: membersIn(type.name, zone),
      };
    });
  const keys = market === "spot" ? spotKeys(fleet.spotStrategy) : onDemandKeys(fleet.onDemandStrategy);
  return candidates
    .sort((a, b) => keys.reduce((order, key) => order || compare(a[key], b[key]), 0))
    .map((c) => c.pool);
}

type Key = "price" | "pressure" | "priority" | "members";

const spotKeys = (strategy: FleetConfig["spotStrategy"]): Key[] => {
  switch (strategy) {
    case "price-capacity-optimized":
      return ["pressure", "price"];
    case "capacity-optimized":
      return ["pressure"];
    case "capacity-optimized-prioritized":
      return ["pressure", "priority"];
    case "diversified":
      return ["members"];
    default:
      return ["price"];
  }
};

const onDemandKeys = (strategy: FleetConfig["onDemandStrategy"]): Key[] =>
  strategy === "prioritized" ? ["priority"] : ["price"];

const compare = (a: number, b: number): number => (a === b ? 0 : a < b ? -1 : 1);

const zoneOf = (network: Network, { override }: Pool): string | undefined =>
  override.subnetId === undefined ? override.zone : network.subnets.get(override.subnetId)?.zone;
