import {
  DescribeFleetsCommand,
  type EC2Client,
  ModifyFleetCommand,
  TerminateInstancesCommand,
} from "@aws-sdk/client-ec2";
import type { Fleet } from "../ports/fleet.ts";
import { EverspotError, messageOf } from "../site/errors.ts";

export function createFleet(client: EC2Client, fleetId: string): Fleet {
  const named = <T>(doing: string, run: () => Promise<T>): Promise<T> =>
    run().catch((cause: unknown) => {
      if (cause instanceof EverspotError) throw cause;
      throw new EverspotError(`EC2: ${doing}: ${messageOf(cause)}`, {
        resource: fleetId,
        retry: "retry",
        cause,
      });
    });
  return {
    target: () =>
      named("describing the fleet", async () => {
        const { Fleets } = await client.send(new DescribeFleetsCommand({ FleetIds: [fleetId] }));
        const target = Fleets?.[0]?.TargetCapacitySpecification;
        if (target?.TotalTargetCapacity === undefined)
          throw new EverspotError(`there is no fleet ${fleetId}`);
        return { total: target.TotalTargetCapacity, onDemand: target.OnDemandTargetCapacity ?? 0 };
      }),
    setTarget: ({ total, onDemand }) =>
      named(`setting the fleet's target to ${total}`, async () => {
        await client.send(
          new ModifyFleetCommand({
            FleetId: fleetId,
            ExcessCapacityTerminationPolicy: "no-termination",
            TargetCapacitySpecification: {
              TotalTargetCapacity: total,
              OnDemandTargetCapacity: onDemand,
              SpotTargetCapacity: total - onDemand,
              DefaultTargetCapacityType: "spot",
            },
          }),
        );
      }),
    terminate: (instance) =>
      named(`terminating ${instance}`, async () => {
        await client.send(new TerminateInstancesCommand({ InstanceIds: [instance] }));
      }),
  };
}
