import type { FleetActivityStatus, FleetData, FleetLaunchTemplateOverrides } from "@aws-sdk/client-ec2";
import type { Fleet, Override, Pool, TemplateConfig } from "./fleet.ts";
import type { Instance } from "./instance.ts";
import type { Templates } from "./launch-templates.ts";
import type { Place } from "./place.ts";

export const overrideShape = (override: Override): FleetLaunchTemplateOverrides => ({
  InstanceType: override.instanceType as never,
  SubnetId: override.subnetId,
  AvailabilityZone: override.zone,
  MaxPrice: override.maxPrice,
  Priority: override.priority,
});

const templateSpecification = (templates: Templates, config: TemplateConfig) => ({
  LaunchTemplateId: config.templateId,
  LaunchTemplateName: templates.all.get(config.templateId)?.name,
  Version: String(config.version),
});

export const poolShape = (templates: Templates, pool: Pool) => ({
  LaunchTemplateSpecification: templateSpecification(templates, pool.template),
  Overrides: overrideShape(pool.override),
});

/** @param members the live instances. */
export function fleetShape(
  place: Place,
  templates: Templates,
  fleet: Fleet,
  members: readonly Instance[],
): FleetData {
  const onDemand = members.filter((m) => m.spec.market === "on-demand").length;
  const { target, rebalance } = fleet;
  return {
    FleetId: fleet.id,
    FleetState: fleet.state,
    ActivityStatus: activity(fleet, members),
    CreateTime: fleet.created,
    ClientToken: fleet.clientToken,
    Type: fleet.type,
    ExcessCapacityTerminationPolicy: fleet.excess,
    FulfilledCapacity: members.length,
    FulfilledOnDemandCapacity: onDemand,
    LaunchTemplateConfigs: fleet.templates.map((config) => ({
      LaunchTemplateSpecification: templateSpecification(templates, config),
      Overrides: config.overrides.map(overrideShape),
    })),
    TargetCapacitySpecification: {
      TotalTargetCapacity: target.onDemand + target.spot,
      OnDemandTargetCapacity: target.onDemand,
      SpotTargetCapacity: target.spot,
      DefaultTargetCapacityType: target.defaultType,
    },
    TerminateInstancesWithExpiration: false,
    ReplaceUnhealthyInstances: fleet.replaceUnhealthy,
    SpotOptions: {
      AllocationStrategy: fleet.spotStrategy,
      InstanceInterruptionBehavior: "terminate",
      MaxTotalPrice: fleet.maxTotalPrice.spot?.toString(),
      ...(rebalance === undefined
        ? {}
        : {
            MaintenanceStrategies: {
              CapacityRebalance: {
                ReplacementStrategy: rebalance.strategy,
                ...(rebalance.strategy === "launch" ? {} : { TerminationDelay: rebalance.terminationDelay }),
              },
            },
          }),
    },
    OnDemandOptions: {
      AllocationStrategy: fleet.onDemandStrategy,
      MaxTotalPrice: fleet.maxTotalPrice["on-demand"]?.toString(),
    },
    Tags: place.tags.of(fleet.id),
    // AWS fills both only for instant fleets; a maintain fleet's failures are in its history.
    Errors: fleet.errors.map(({ market, pool, error }) => ({
      LaunchTemplateAndOverrides: poolShape(templates, pool),
      Lifecycle: market,
      ErrorCode: error.code,
      ErrorMessage: error.message,
    })),
    Instances:
      fleet.type === "instant"
        ? members.map((m) => ({
            Lifecycle: m.spec.market,
            InstanceIds: [m.id],
            InstanceType: m.spec.type.name,
          }))
        : [],
  };
}

function activity(fleet: Fleet, members: readonly Instance[]): FleetActivityStatus | undefined {
  const target = fleet.target.onDemand + fleet.target.spot;
  if (fleet.state.startsWith("deleted")) return undefined;
  if (members.length > target && members.some((m) => fleet.leaving.has(m.id))) return "pending_termination";
  if (members.length >= target) return "fulfilled";
  return fleet.lastError === undefined ? "pending_fulfillment" : "error";
}
