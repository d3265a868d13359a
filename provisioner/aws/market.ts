import {
  DescribeAvailabilityZonesCommand,
  type EC2Client,
  paginateDescribeInstanceTypeOfferings,
  paginateDescribeSpotPriceHistory,
} from "@aws-sdk/client-ec2";
import { named } from "./errors.ts";
import { gather } from "./network-look.ts";

/** What the region offers. */
export interface Market {
  /** Usable zones of the region, sorted, each with those of the types that it offers. */
  zones(types: readonly string[]): Promise<{ zone: string; types: string[] }[]>;
  /** The current spot price of each pool, USD per hour. */
  spotPrices(types: readonly string[]): Promise<SpotPrice[]>;
}

export interface SpotPrice {
  type: string;
  zone: string;
  price: number;
}

export function createMarket(client: EC2Client): Market {
  return {
    zones: (types) =>
      named("looking at the region's zones", async () => {
        const [zones, offerings] = await Promise.all([
          client.send(
            new DescribeAvailabilityZonesCommand({
              Filters: [
                { Name: "zone-type", Values: ["availability-zone"] },
                { Name: "state", Values: ["available"] },
              ],
            }),
          ),
          gather(
            paginateDescribeInstanceTypeOfferings(
              { client },
              {
                LocationType: "availability-zone",
                Filters: [{ Name: "instance-type", Values: [...types] }],
              },
            ),
            (page) => page.InstanceTypeOfferings,
          ),
        ]);
        return (zones.AvailabilityZones ?? [])
          .map((z) => z.ZoneName ?? "")
          .sort()
          .map((zone) => ({
            zone,
            types: types.filter((t) => offerings.some((o) => o.Location === zone && o.InstanceType === t)),
          }));
      }),
    spotPrices: (types) =>
      named("asking for spot prices", async () => {
        if (types.length === 0) return [];
        const found = await gather(
          paginateDescribeSpotPriceHistory(
            { client },
            {
              InstanceTypes: types.map((t) => t as never),
              ProductDescriptions: ["Linux/UNIX"],
              // A start time of now yields only the current price.
              StartTime: new Date(),
            },
          ),
          (page) => page.SpotPriceHistory,
        );
        const newest = new Map<string, SpotPrice & { at: number }>();
        for (const entry of found) {
          const { InstanceType: type, AvailabilityZone: zone, SpotPrice: price, Timestamp: at } = entry;
          if (type === undefined || zone === undefined || price === undefined) continue;
          const known = newest.get(`${type} ${zone}`);
          if (known === undefined || (at?.getTime() ?? 0) > known.at) {
            newest.set(`${type} ${zone}`, { type, zone, price: Number(price), at: at?.getTime() ?? 0 });
          }
        }
        return [...newest.values()].map(({ type, zone, price }) => ({ type, zone, price }));
      }),
  };
}
