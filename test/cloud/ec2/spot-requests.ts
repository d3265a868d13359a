import type { Delays } from "./delays.ts";
import { chosen } from "./errors.ts";
import { select } from "./filters.ts";
import { type Instance, isGone } from "./instance.ts";
import type { Instances } from "./instances.ts";
import type { Handlers } from "./operations.ts";
import { page } from "./paging.ts";
import type { Place } from "./place.ts";

/**
 * Spot requests are not kept: each spot instance has one, and the instance tells its state, for as long as that is
 * listed.
 */
export function spotRequestHandlers(
  place: Place,
  instances: Instances,
  delays: Pick<Delays, "requestCloses">,
): Handlers {
  const isClosed = (instance: Instance) => closed(instance, delays, place.jobs.now());
  const shape = (instance: Instance) => {
    const { code, message } = status(instance);
    return {
      SpotInstanceRequestId: instance.spotRequestId,
      InstanceId: instance.id,
      State: isClosed(instance) ? ("closed" as const) : ("active" as const),
      Status: { Code: code, Message: message, UpdateTime: instance.terminated ?? instance.launched },
      Type: instance.spec.spot.persistent ? ("persistent" as const) : ("one-time" as const),
      CreateTime: instance.launched,
      LaunchSpecification: { InstanceType: instance.spec.type.name, ImageId: instance.spec.image.id },
      LaunchedAvailabilityZone: instance.spec.subnet.zone,
      ProductDescription: "Linux/UNIX" as const,
      InstanceInterruptionBehavior: instance.spec.spot.interruption,
      SpotPrice: instance.spec.spot.maxPrice ?? instance.spec.type.onDemand.toFixed(6),
      Tags: place.tags.of(instance.spotRequestId ?? ""),
    };
  };
  return {
    DescribeSpotInstanceRequests: (input) => {
      const known = new Map(
        instances
          .list()
          .flatMap((i) => (i.spotRequestId === undefined ? [] : [[i.spotRequestId, i] as const])),
      );
      const wanted = select(
        chosen(known, input.SpotInstanceRequestIds, "sir"),
        input.Filters,
        {
          "spot-instance-request-id": (i) => i.spotRequestId,
          "instance-id": (i) => i.id,
          state: (i) => (isClosed(i) ? "closed" : "active"),
          "status-code": (i) => status(i).code,
        },
        (i) => place.tags.of(i.spotRequestId ?? ""),
      );
      const { items, nextToken } = page(wanted, input, place.pageSize);
      return { SpotInstanceRequests: items.map(shape), NextToken: nextToken };
    },
  };
}

/** Until then it counts against the account's quota of spot instances. */
export const closed = (
  instance: Instance,
  { requestCloses }: Pick<Delays, "requestCloses">,
  now: Date,
): boolean =>
  instance.terminated !== undefined && now.getTime() - instance.terminated.getTime() >= requestCloses;

/** https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/spot-request-status.html */
function status(instance: Instance): { code: string; message: string } {
  if (instance.stateReason?.code === "Server.SpotInstanceTermination" && isGone(instance)) {
    return {
      code: "instance-terminated-no-capacity",
      message:
        "Your Spot instance was terminated because there is no Spot capacity available that matches your request.",
    };
  }
  if (isGone(instance)) {
    return { code: "instance-terminated-by-user", message: "Your Spot instance was terminated by the user." };
  }
  if (instance.spotAction !== undefined) {
    return { code: "marked-for-termination", message: "Your Spot instance is marked for termination." };
  }
  return { code: "fulfilled", message: "Your Spot request is fulfilled." };
}
