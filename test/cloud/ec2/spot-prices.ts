import type { SpotPrice } from "@aws-sdk/client-ec2";
import { select } from "./filters.ts";
import { type MachineType, machineTypes, offered } from "./instance-types.ts";
import type { Handlers } from "./operations.ts";
import { page } from "./paging.ts";
import type { Place } from "./place.ts";

/** When the prices changed, oldest first, and by what they are multiplied then. */
const changes: readonly { at: string; factor: number }[] = [
  { at: "2026-09-01T04:11:09Z", factor: 0.96 },
  { at: "2026-10-17T17:32:40Z", factor: 1.07 },
  { at: "2026-11-14T09:02:21Z", factor: 1 },
];

interface Price {
  type: MachineType;
  zone: string;
  at: Date;
  /** Dollars an hour. */
  dollars: number;
}

/** Dollars an hour now. Each zone has its own price, a few percent apart. */
export function spotPrice(place: Place, type: MachineType, zone: string): number {
  const now = place.jobs.clock.now();
  const past = history(place, type, zone).filter((p) => p.at.getTime() <= now);
  return (past.at(-1) ?? history(place, type, zone)[0])?.dollars ?? type.onDemand;
}

/** Oldest first. */
function history(place: Place, type: MachineType, zone: string): Price[] {
  const spread = 1 + 0.03 * place.zones.indexOf(zone);
  return changes.map(({ at, factor }) => ({
    type,
    zone,
    at: new Date(at),
    dollars: Math.round(type.onDemand * type.spotShare * spread * factor * 1e6) / 1e6,
  }));
}

export function spotPriceHandlers(place: Place): Handlers {
  return {
    /** Newest first; of the changes before StartTime the last one is in, because it is still the price then. */
    DescribeSpotPriceHistory: (input) => {
      const start = input.StartTime?.getTime() ?? Number.NEGATIVE_INFINITY;
      const end = input.EndTime?.getTime() ?? place.jobs.clock.now();
      const products = input.ProductDescriptions ?? ["Linux/UNIX"];
      const all = machineTypes
        .filter((t) => input.InstanceTypes === undefined || input.InstanceTypes.includes(t.name))
        .flatMap((t) =>
          place.zones
            .filter((z) => offered(t.name, z))
            .filter((z) => input.AvailabilityZone === undefined || input.AvailabilityZone === z)
            .flatMap((z) => inEffect(history(place, t, z), start, end)),
        )
        .sort((a, b) => b.at.getTime() - a.at.getTime());
      const wanted = select(all.map(shape), input.Filters, {
        "availability-zone": (p) => p.AvailabilityZone,
        "instance-type": (p) => p.InstanceType,
        "product-description": (p) => p.ProductDescription,
        "spot-price": (p) => p.SpotPrice,
      }).filter((p) => products.some((d) => d === "Linux/UNIX" || d === "Linux/UNIX (Amazon VPC)") && p);
      const { items, nextToken } = page(wanted, input, place.pageSize, { min: 1, max: 1000 });
      // AWS ends this listing with an empty token, not without one.
      return { SpotPriceHistory: items, NextToken: nextToken ?? "" };
    },
  };
}

function inEffect(prices: readonly Price[], start: number, end: number): Price[] {
  const known = prices.filter((p) => p.at.getTime() <= end);
  const before = known.filter((p) => p.at.getTime() <= start).slice(-1);
  return [...before, ...known.filter((p) => p.at.getTime() > start)];
}

const shape = (price: Price): SpotPrice => ({
  AvailabilityZone: price.zone,
  InstanceType: price.type.name,
  ProductDescription: "Linux/UNIX",
  SpotPrice: price.dollars.toFixed(6),
  Timestamp: price.at,
});
