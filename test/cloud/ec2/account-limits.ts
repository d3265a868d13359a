import { type AccountLimits, ON_DEMAND_VCPUS, SPOT_VCPUS } from "../limits.ts";
import { AwsError } from "../wire/errors.ts";
import type { Market } from "./capacity.ts";
import type { Delays } from "./delays.ts";
import type { Instance } from "./instance.ts";
import { isFreeTierEligible, machineType } from "./instance-types.ts";
import { closed } from "./spot-requests.ts";

/** Why the account may not launch one more instance of a type; undefined when it may. */
export function overLimit(
  { plan, quotas }: AccountLimits,
  delays: Pick<Delays, "requestCloses">,
  instances: readonly Instance[],
  { type, market, now }: { type: string; market: Market; now: Date },
): AwsError | undefined {
  if (plan === "FREE" && !isFreeTierEligible(type)) {
    return new AwsError(
      "InvalidParameterCombination",
      "The specified instance type is not eligible for Free Tier. For a list of Free Tier instance types, run 'describe-instance-types' with the filter 'free-tier-eligible=true'.",
    );
  }
  const running = instances.filter(
    (i) =>
      i.spec.market === market &&
      i.state !== "stopped" &&
      (i.state !== "terminated" || (market === "spot" && !closed(i, delays, now))),
  );
  const used = running.reduce((sum, i) => sum + i.spec.type.vcpus, 0);
  const most = quotas.get(market === "spot" ? SPOT_VCPUS : ON_DEMAND_VCPUS) ?? Number.POSITIVE_INFINITY;
  if (used + machineType(type).vcpus <= most) return undefined;
  return market === "spot"
    ? new AwsError("MaxSpotInstanceCountExceeded", "Max spot instance count exceeded")
    : new AwsError(
        "VcpuLimitExceeded",
        `You have requested more vCPU capacity than your current vCPU limit of ${most} allows for the instance bucket that the specified instance type belongs to. Please visit http://aws.amazon.com/contact-us/ec2-request to request an adjustment to this limit.`,
      );
}
