import type { _InstanceType } from "@aws-sdk/client-ec2";
import { AwsError } from "../wire/errors.ts";
import { select } from "./filters.ts";
import type { Handlers } from "./operations.ts";
import { page } from "./paging.ts";
import type { Place } from "./place.ts";
import { zoneId } from "./zones.ts";

export interface MachineType {
  name: _InstanceType;
  arch: "arm64" | "x86_64";
  vcpus: number;
  memoryMiB: number;
  /** us-east-1, Linux, dollars an hour, https://aws.amazon.com/ec2/pricing/on-demand/, November 2026. */
  onDemand: number;
  /** Spot price as a share of it, as seen in us-east-1 in November 2026. */
  spotShare: number;
  clock: number;
}

const type = (
  name: _InstanceType,
  arch: MachineType["arch"],
  vcpus: number,
  memoryMiB: number,
  onDemand: number,
  spotShare: number,
  clock: number,
): MachineType => ({ name, arch, vcpus, memoryMiB, onDemand, spotShare, clock });

/** The types a small site may choose among; any other is unknown here. */
export const machineTypes: readonly MachineType[] = [
  type("t4g.nano", "arm64", 2, 512, 0.0042, 0.36, 2.5),
  type("t4g.micro", "arm64", 2, 1024, 0.0084, 0.34, 2.5),
  type("t4g.small", "arm64", 2, 2048, 0.0168, 0.35, 2.5),
  type("t4g.medium", "arm64", 2, 4096, 0.0336, 0.36, 2.5),
  type("t3.nano", "x86_64", 2, 512, 0.0052, 0.4, 2.5),
  type("t3.micro", "x86_64", 2, 1024, 0.0104, 0.42, 2.5),
  type("t3.small", "x86_64", 2, 2048, 0.0208, 0.4, 2.5),
  type("t3.medium", "x86_64", 2, 4096, 0.0416, 0.39, 2.5),
  type("t3a.nano", "x86_64", 2, 512, 0.0047, 0.38, 2.2),
  type("t3a.micro", "x86_64", 2, 1024, 0.0094, 0.4, 2.2),
  type("t3a.small", "x86_64", 2, 2048, 0.0188, 0.39, 2.2),
  type("t3a.medium", "x86_64", 2, 4096, 0.0376, 0.38, 2.2),
  type("t2.micro", "x86_64", 1, 1024, 0.0116, 0.36, 2.5),
  type("c7g.medium", "arm64", 1, 2048, 0.0363, 0.38, 2.6),
  type("m7g.medium", "arm64", 1, 4096, 0.0408, 0.36, 2.6),
];

const byName = new Map<string, MachineType>(machineTypes.map((t) => [t.name, t]));

/** @throws AwsError InvalidParameterValue */
export function machineType(name: string): MachineType {
  const found = byName.get(name);
  if (found === undefined) {
    throw new AwsError(
      "InvalidParameterValue",
      `Invalid value '${name}' for InstanceType. (Not known to the local EC2.)`,
    );
  }
  return found;
}

/** All but the oldest families here. */
export const isNitro = (name: string): boolean => !name.startsWith("t2.");

/** In accounts made since July 2025 (EC2 user guide, "Track your Free Tier usage for Amazon EC2"). */
export const isFreeTierEligible = (name: string): boolean =>
  ["t3.micro", "t3.small", "t4g.micro", "t4g.small", "c7i-flex.large", "m7i-flex.large"].includes(name);

/** us-east-1e is an old zone that has none of the newer families. */
export const offered = (name: string, zone: string): boolean => zone !== "us-east-1e" || /^t2\./.test(name);

export function instanceTypeHandlers(place: Place): Handlers {
  return {
    DescribeInstanceTypes: (input) => {
      const unknown = input.InstanceTypes?.filter((name) => !byName.has(name)) ?? [];
      if (unknown.length > 0) {
        throw new AwsError(
          "InvalidInstanceType",
          `The following supplied instance types do not exist: [${unknown.join(", ")}]`,
        );
      }
      const named = machineTypes.filter(
        (t) => input.InstanceTypes === undefined || input.InstanceTypes.includes(t.name),
      );
      const wanted = select(named, input.Filters, {
        "instance-type": (t) => t.name,
        "processor-info.supported-architecture": (t) => t.arch,
        "vcpu-info.default-vcpus": (t) => String(t.vcpus),
        "memory-info.size-in-mib": (t) => String(t.memoryMiB),
        "current-generation": (t) => String(isNitro(t.name)),
        "burstable-performance-supported": (t) => String(t.name.startsWith("t")),
        "bare-metal": () => "false",
        "free-tier-eligible": (t) => String(isFreeTierEligible(t.name)),
        "supported-usage-class": () => ["on-demand", "spot"],
      });
      const { items, nextToken } = page(wanted, input, place.pageSize, { min: 5, max: 100 });
      return { InstanceTypes: items.map(shape), NextToken: nextToken };
    },
    DescribeInstanceTypeOfferings: (input) => {
      const where = input.LocationType ?? "region";
      const locations = where === "region" ? [place.region] : place.zones;
      const all = machineTypes.flatMap((t) =>
        locations
          .filter((l) => where === "region" || offered(t.name, l))
          .map((l) => ({
            InstanceType: t.name,
            LocationType: where,
            Location: where === "availability-zone-id" ? zoneId(l) : l,
          })),
      );
      const wanted = select(all, input.Filters, {
        "instance-type": (o) => o.InstanceType,
        location: (o) => o.Location,
      });
      const { items, nextToken } = page(wanted, input, place.pageSize);
      return { InstanceTypeOfferings: items, NextToken: nextToken };
    },
  };
}

const shape = (t: MachineType) => ({
  InstanceType: t.name,
  CurrentGeneration: isNitro(t.name),
  FreeTierEligible: isFreeTierEligible(t.name),
  SupportedUsageClasses: ["on-demand" as const, "spot" as const],
  SupportedRootDeviceTypes: ["ebs" as const],
  SupportedVirtualizationTypes: ["hvm" as const],
  BareMetal: false,
  Hypervisor: isNitro(t.name) ? ("nitro" as const) : ("xen" as const),
  ProcessorInfo: { SupportedArchitectures: [t.arch], SustainedClockSpeedInGhz: t.clock },
  VCpuInfo: { DefaultVCpus: t.vcpus, DefaultCores: t.vcpus, DefaultThreadsPerCore: 1 },
  MemoryInfo: { SizeInMiB: t.memoryMiB },
  InstanceStorageSupported: false,
  BurstablePerformanceSupported: t.name.startsWith("t"),
  DedicatedHostsSupported: false,
  AutoRecoverySupported: true,
});
