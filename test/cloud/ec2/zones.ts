import { invalid } from "./errors.ts";
import { select } from "./filters.ts";
import type { Handlers } from "./operations.ts";
import type { Place } from "./place.ts";

/** us-east-1 has six zones; three elsewhere. */
export const defaultZones = (region: string): string[] =>
  [...(region === "us-east-1" ? "abcdef" : "abc")].map((letter) => `${region}${letter}`);

/** "us-east-1a" → "use1-az1". (AWS shuffles the pairs per account; here they are in order.) */
export const zoneId = (zone: string): string => {
  const [, area = "", direction = "", number = "", letter = "a"] =
    /^(\w+)-(\w)\w*-(\d+)(\w)$/.exec(zone) ?? [];
  return `${area}${direction}${number}-az${letter.charCodeAt(0) - 96}`;
};

export function zoneHandlers(place: Place): Handlers {
  const zones = place.zones.map((ZoneName) => ({
    ZoneName,
    ZoneId: zoneId(ZoneName),
    RegionName: place.region,
    GroupName: place.region,
    NetworkBorderGroup: place.region,
    State: "available" as const,
    OptInStatus: "opt-in-not-required" as const,
    ZoneType: "availability-zone",
    Messages: [],
  }));
  return {
    DescribeAvailabilityZones: (input) => {
      const unknown = input.ZoneNames?.find((name) => !place.zones.includes(name));
      if (unknown !== undefined) throw invalid(`Invalid availability zone: [${unknown}]`);
      const named = zones.filter(
        (z) => input.ZoneNames === undefined || input.ZoneNames.includes(z.ZoneName),
      );
      return {
        AvailabilityZones: select(named, input.Filters, {
          "zone-name": (z) => z.ZoneName,
          "zone-id": (z) => z.ZoneId,
          "zone-type": (z) => z.ZoneType,
          "region-name": (z) => z.RegionName,
          "group-name": (z) => z.GroupName,
          "opt-in-status": (z) => z.OptInStatus,
          state: (z) => z.State,
        }),
      };
    },
    DescribeRegions: () => ({
      Regions: [
        {
          RegionName: place.region,
          Endpoint: `ec2.${place.region}.amazonaws.com`,
          OptInStatus: "opt-in-not-required",
        },
      ],
    }),
  };
}
