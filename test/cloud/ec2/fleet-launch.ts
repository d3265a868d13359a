import type { RequestLaunchTemplateData } from "@aws-sdk/client-ec2";
import { AwsError } from "../wire/errors.ts";
import type { Market } from "./capacity.ts";
import type { Fleet, Pool } from "./fleet.ts";
import type { FleetHabits } from "./fleet-habits.ts";
import { poolsInOrder } from "./fleet-pools.ts";
import { newId } from "./ids.ts";
import { type Instance, isLive } from "./instance.ts";
import type { Instances } from "./instances.ts";
import { checkPool, type LaunchWorld, launchSpec } from "./launch-spec.ts";
import type { Templates } from "./launch-templates.ts";
import { templateTags } from "./template-tags.ts";

export interface PoolFailure {
  pool: Pool;
  error: AwsError;
}

/** Launches one instance from the first pool that can; otherwise tells why each could not, apart from the price. */
export function launchOne(
  world: LaunchWorld & { instances: Instances; templates: Templates; fleetHabits: FleetHabits },
  fleet: Fleet,
  market: Market,
  clientToken?: string,
): Instance | PoolFailure[] {
  const members = world.instances.list().filter((i) => i.fleetId === fleet.id && isLive(i));
  const pools = poolsInOrder(
    world,
    fleet,
    market,
    (type, zone) => members.filter((m) => m.spec.type.name === type && m.spec.subnet.zone === zone).length,
  );
  const failures: PoolFailure[] = [];
  for (const pool of pools) {
    try {
      const template = world.templates.find({ LaunchTemplateId: pool.template.templateId });
      const version = world.templates.version(template, String(pool.template.version));
      const spec = launchSpec(world, overridden(version.data, pool), market);
      spec.spot.maxPrice = pool.override.maxPrice;
      checkPool(world, spec);
      if (!affordable(world.fleetHabits, fleet, market, [...members.map((m) => m.spec), spec])) continue;
      return world.instances.launch(spec, {
        reservationId: newId("r"),
        clientToken,
        fleetId: fleet.id,
        systemTags: [{ Key: "aws:ec2:fleet-id", Value: fleet.id }, ...templateTags(template, version)],
      });
    } catch (error) {
      if (!(error instanceof AwsError)) throw error;
      failures.push({ pool, error });
    }
  }
  return failures;
}

/**
 * "When the maximum total price is reached, EC2 Fleet stops launching instances even if it hasn't met the target
 * capacity" (EC2 user guide, "Control spending"), and nothing documented says so in its history. Whether AWS counts a
 * spot instance by the price of now or by its own maximum, the on-demand price if none is given, is not documented
 * either.
 */
function affordable(
  { countsSpotAs }: FleetHabits,
  fleet: Fleet,
  market: Market,
  specs: readonly Instance["spec"][],
): boolean {
  const most = fleet.maxTotalPrice[market];
  if (most === undefined) return true;
  const prices = specs
    .filter((spec) => spec.market === market)
    .map(({ type, spot }) => {
      if (market !== "spot") return type.onDemand;
      return countsSpotAs === "spot price"
        ? type.onDemand * type.spotShare
        : Number(spot.maxPrice ?? type.onDemand);
    });
  return prices.reduce((sum, price) => sum + price, 0) <= most;
}

/** The subnet of an override goes to the template's one network interface. */
function overridden(data: RequestLaunchTemplateData, { override }: Pool): RequestLaunchTemplateData {
  const face = data.NetworkInterfaces?.[0] ?? { Groups: data.SecurityGroupIds };
  return {
    ...data,
    ...(override.instanceType === undefined ? {} : { InstanceType: override.instanceType as never }),
    ...(override.subnetId === undefined
      ? {}
      : { NetworkInterfaces: [{ ...face, SubnetId: override.subnetId }], SecurityGroupIds: undefined }),
    ...(override.zone === undefined
      ? {}
      : { Placement: { ...data.Placement, AvailabilityZone: override.zone } }),
  };
}
