import type { Instance } from "./instance.ts";
import type { InstanceView } from "./instance-view.ts";
import type { Place } from "./place.ts";
import type { Profiles } from "./profiles.ts";
import { zoneId } from "./zones.ts";

/** "ip-127-0-1-12.ec2.internal" */
export const privateName = (place: Place, address: string): string =>
  `ip-${address.replaceAll(".", "-")}.${place.region === "us-east-1" ? "ec2.internal" : `${place.region}.compute.internal`}`;

/** The instance as it is from now until it is stopped or ends. */
export function viewOf(place: Place, profiles: Profiles, instance: Instance): InstanceView {
  const { spec } = instance;
  const address = instance.address ?? "";
  return {
    instanceId: instance.id,
    imageId: spec.image.id,
    instanceType: spec.type.name,
    architecture: spec.type.arch,
    region: place.region,
    availabilityZone: spec.subnet.zone,
    availabilityZoneId: zoneId(spec.subnet.zone),
    accountId: place.account,
    reservationId: instance.reservationId,
    lifecycle: spec.market,
    privateAddress: address,
    publicAddress: spec.publicAddress ? address : undefined,
    hostname: privateName(place, address),
    subnetId: spec.subnet.id,
    vpcId: spec.subnet.vpcId,
    securityGroups: spec.groupIds,
    userData: spec.userData,
    metadata: spec.metadata,
    profile: spec.profile,
    tags: () => Object.fromEntries(place.tags.of(instance.id).map((t) => [t.Key ?? "", t.Value ?? ""])),
    spotAction: () => instance.spotAction,
    rebalance: () => instance.rebalance,
    credentials: () =>
      spec.profile === undefined ? undefined : profiles.credentials(spec.profile, instance.id),
  };
}
