import type {
  CreateFleetRequest,
  FleetLaunchTemplateConfigRequest,
  SpotOptionsRequest,
  TargetCapacitySpecificationRequest,
} from "@aws-sdk/client-ec2";
import { AwsError, ContractError } from "../wire/errors.ts";
import { combination, found, invalid, need } from "./errors.ts";
import type { FleetConfig, Override, Rebalance, Target, TemplateConfig } from "./fleet.ts";
import { machineType } from "./instance-types.ts";
import type { Templates } from "./launch-templates.ts";
import type { Network } from "./network.ts";
import { assertOnly } from "./watched.ts";

/** https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/fleet-quotas.html */
const MAX_OVERRIDES = 300;

/** @throws AwsError for everything CreateFleet refuses at once. */
export function fleetConfig(templates: Templates, network: Network, input: CreateFleetRequest): FleetConfig {
  const type = input.Type ?? "maintain";
  if (!["maintain", "instant", "request"].includes(type)) throw invalid(`Invalid fleet type '${type}'`);
  if (type === "request") throw new ContractError("fleets of type 'request' are not modelled");
  const excess = input.ExcessCapacityTerminationPolicy ?? "termination";
  if (excess !== "termination" && excess !== "no-termination") {
    throw invalid(`Invalid value '${excess}' for ExcessCapacityTerminationPolicy`);
  }
  if (type !== "maintain" && input.ExcessCapacityTerminationPolicy !== undefined) {
    throw combination("ExcessCapacityTerminationPolicy is supported only for fleets of type maintain");
  }
  if (type !== "maintain" && input.ReplaceUnhealthyInstances === true) {
    throw combination("ReplaceUnhealthyInstances is supported only for fleets of type maintain");
  }
  const { SpotOptions: spot, OnDemandOptions: onDemand } = input;
  assertOnly("SpotOptions", spot, [
    "AllocationStrategy",
    "MaintenanceStrategies",
    "InstanceInterruptionBehavior",
    "MaxTotalPrice",
  ]);
  assertOnly("OnDemandOptions", onDemand, ["AllocationStrategy", "MaxTotalPrice"]);
  if (spot?.InstanceInterruptionBehavior !== undefined && spot.InstanceInterruptionBehavior !== "terminate") {
    throw new ContractError(
      `InstanceInterruptionBehavior ${spot.InstanceInterruptionBehavior} is not modelled`,
    );
  }
  return {
    type,
    excess,
    target: targetOf(need(input.TargetCapacitySpecification, "TargetCapacitySpecification")),
    templates: templateConfigs(
      templates,
      network,
      need(input.LaunchTemplateConfigs, "LaunchTemplateConfigs"),
    ),
    replaceUnhealthy: input.ReplaceUnhealthyInstances ?? false,
    spotStrategy: spot?.AllocationStrategy ?? "lowest-price",
    onDemandStrategy: onDemand?.AllocationStrategy === "prioritized" ? "prioritized" : "lowest-price",
    rebalance: rebalanceOf(spot, type),
    maxTotalPrice: { spot: priceOf(spot?.MaxTotalPrice), "on-demand": priceOf(onDemand?.MaxTotalPrice) },
  };
}

function priceOf(given: string | undefined): number | undefined {
  if (given === undefined) return undefined;
  if (!/^\d+(\.\d+)?$/.test(given) || Number(given) === 0)
    throw invalid(`Invalid value '${given}' for MaxTotalPrice`);
  return Number(given);
}

/** What neither market claims goes to the default type. @throws AwsError InvalidTargetCapacitySpecification */
export function targetOf(
  given: TargetCapacitySpecificationRequest,
  defaultType?: Target["defaultType"],
): Target {
  const parts = ["TotalTargetCapacity", "OnDemandTargetCapacity", "SpotTargetCapacity"];
  assertOnly("TargetCapacitySpecification", given, [...parts, "DefaultTargetCapacityType"]);
  const total = need(given.TotalTargetCapacity, "TotalTargetCapacity");
  const onDemand = given.OnDemandTargetCapacity ?? 0;
  const spot = given.SpotTargetCapacity ?? 0;
  const wrong = [total, onDemand, spot].some((n) => !Number.isInteger(n) || n < 0) || onDemand + spot > total;
  if (wrong) {
    throw new AwsError(
      "InvalidTargetCapacitySpecification",
      `TotalTargetCapacity (${total}) must be at least OnDemandTargetCapacity (${onDemand}) plus SpotTargetCapacity (${spot}).`,
    );
  }
  const type = given.DefaultTargetCapacityType ?? defaultType ?? "on-demand";
  if (type !== "spot" && type !== "on-demand")
    throw new ContractError(`DefaultTargetCapacityType '${type}' is not modelled`);
  const rest = total - onDemand - spot;
  return {
    onDemand: onDemand + (type === "on-demand" ? rest : 0),
    spot: spot + (type === "spot" ? rest : 0),
    defaultType: type,
  };
}

/** @throws AwsError also for two overrides of one pool: the same type in the same zone, whatever the subnets. */
export function templateConfigs(
  templates: Templates,
  network: Network,
  given: readonly FleetLaunchTemplateConfigRequest[],
): TemplateConfig[] {
  if (given.length === 0)
    throw new AwsError("MissingParameter", "The request must contain LaunchTemplateConfigs");
  const configs = given.map((config) => {
    const named = need(config.LaunchTemplateSpecification, "LaunchTemplateSpecification");
    const template = templates.find(named);
    const version = templates.version(template, need(named.Version, "LaunchTemplateSpecification.Version"));
    if (version.data.InstanceMarketOptions !== undefined) {
      throw new AwsError(
        "InvalidFleetConfig",
        "Incompatible launch template: InstanceMarketOptions cannot be used in a launch template of a fleet.",
      );
    }
    const overrides = (config.Overrides?.length ? config.Overrides : [{}]).map((o): Override => {
      assertOnly("override", o, ["InstanceType", "SubnetId", "AvailabilityZone", "MaxPrice", "Priority"]);
      const instanceType = o.InstanceType ?? version.data.InstanceType;
      if (instanceType === undefined) throw missingType();
      machineType(instanceType);
      const { SubnetId: subnetId, MaxPrice: maxPrice, Priority: priority } = o;
      if (subnetId !== undefined) found(network.subnets, subnetId, "subnet");
      return { instanceType, subnetId, zone: o.AvailabilityZone, maxPrice, priority };
    });
    return { templateId: template.id, version: version.number, overrides };
  });
  const pools = configs.flatMap((c) =>
    c.overrides.map((o) => `${o.instanceType} ${zoneOf(network, o) ?? "any"}`),
  );
  if (pools.length > MAX_OVERRIDES) {
    throw new AwsError(
      "InvalidFleetConfig",
      `The fleet configuration has more than ${MAX_OVERRIDES} launch configurations.`,
    );
  }
  if (new Set(pools).size !== pools.length) {
    throw new AwsError("InvalidFleetConfig", "The fleet configuration contains duplicate instance pools.");
  }
  return configs;
}

const zoneOf = (network: Network, override: Override): string | undefined =>
  override.subnetId === undefined ? override.zone : network.subnets.get(override.subnetId)?.zone;

const missingType = (): AwsError =>
  new AwsError("InvalidFleetConfig", "The launch template or its override must specify an instance type.");

/** https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_FleetSpotCapacityRebalanceRequest.html */
function rebalanceOf(options: SpotOptionsRequest | undefined, type: string): Rebalance | undefined {
  const given = options?.MaintenanceStrategies?.CapacityRebalance;
  if (given === undefined) return undefined;
  if (type !== "maintain")
    throw combination("CapacityRebalance is available only for fleets of type maintain");
  const { ReplacementStrategy: strategy, TerminationDelay: delay } = given;
  if (strategy === "launch") {
    if (delay !== undefined)
      throw combination("TerminationDelay is not valid when ReplacementStrategy is launch");
    return { strategy, terminationDelay: 0 };
  }
  if (strategy !== "launch-before-terminate") throw invalid(`Invalid ReplacementStrategy '${strategy}'`);
  const terminationDelay = need(delay, "TerminationDelay");
  if (terminationDelay < 120 || terminationDelay > 7200) {
    throw invalid(`TerminationDelay ${terminationDelay} is not between 120 and 7200 seconds`);
  }
  return { strategy, terminationDelay };
}
