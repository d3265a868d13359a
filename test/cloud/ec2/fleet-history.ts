import type { FleetEventType } from "@aws-sdk/client-ec2";
import type { Fleet } from "./fleet.ts";
import type { PoolFailure } from "./fleet-launch.ts";
import type { Instance } from "./instance.ts";
import type { Network } from "./network.ts";

/** Writes down what happens to fleets, in the words of DescribeFleetHistory. */
export class FleetHistory {
  readonly #now: () => Date;
  readonly #network: Network;

  constructor(now: () => Date, network: Network) {
    this.#now = now;
    this.#network = network;
  }

  fleet(fleet: Fleet, subType: string): void {
    this.#add(fleet, "fleet-change", { EventSubType: subType });
  }

  launched(fleet: Fleet, { id, spec }: Instance): void {
    const what = {
      instanceType: spec.type.name,
      image: spec.image.id,
      productDescription: "Linux/UNIX",
      availabilityZone: spec.subnet.zone,
    };
    const EventDescription = JSON.stringify(what);
    this.#add(fleet, "instance-change", { EventSubType: "launched", InstanceId: id, EventDescription });
  }

  ended(fleet: Fleet, instance: Instance, subType: "terminated" | "termination_notified"): void {
    const EventDescription = instance.stateReason?.message;
    this.#add(fleet, "instance-change", { EventSubType: subType, InstanceId: instance.id, EventDescription });
  }

  /** Every pool with its reason, and that none is left. */
  failed(fleet: Fleet, failures: readonly PoolFailure[]): void {
    for (const { pool, error } of failures) {
      const { override, template } = pool;
      const zone = this.#network.subnets.get(override.subnetId ?? "")?.zone ?? override.zone ?? "any zone";
      const what = `${override.instanceType}, ${template.templateId} version ${template.version}, Linux/UNIX, ${zone}`;
      const limit = error.code === "MaxSpotInstanceCountExceeded";
      this.#add(fleet, "service-error", {
        EventSubType: limit ? "spotInstanceCountLimitExceeded" : "launchSpecTemporarilyBlacklisted",
        EventDescription: `${what}: ${error.message} (Service: AmazonEC2; Status Code: ${error.status}; Error Code: ${error.code})`,
      });
    }
    this.#add(fleet, "service-error", {
      EventSubType: "allLaunchSpecsTemporarilyBlacklisted",
      EventDescription:
        "Several attempts to launch instances have failed. Either the request could not be satisfied or the configuration is not valid. We will retry the request again later.",
    });
  }

  #add(
    fleet: Fleet,
    type: FleetEventType,
    information: { EventSubType: string; InstanceId?: string; EventDescription?: string | undefined },
  ): void {
    fleet.history.push({ EventType: type, Timestamp: this.#now(), EventInformation: information });
  }
}
