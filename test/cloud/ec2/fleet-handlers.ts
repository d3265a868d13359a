import type { FleetStateCode } from "@aws-sdk/client-ec2";
import { AwsError } from "../wire/errors.ts";
import { combination, found, invalid, need } from "./errors.ts";
import { select } from "./filters.ts";
import type { Fleet } from "./fleet.ts";
import { fleetConfig, targetOf, templateConfigs } from "./fleet-config.ts";
import { fleetShape, poolShape } from "./fleet-shape.ts";
import type { Fleets, FleetWorld } from "./fleets.ts";
import type { Handlers } from "./operations.ts";
import { page } from "./paging.ts";
import { fleetRoleMissing, spotRoleMissing } from "./service-linked-roles.ts";
import { specifiedTags } from "./tags.ts";

export function fleetHandlers(world: FleetWorld, fleets: Fleets): Handlers {
  const { place, network, templates, profiles } = world;
  /** Of what is not shown yet, the id is not known either. */
  const known = () => {
    const shown = new Set(fleets.seen().map(({ id }) => id));
    return new Map([...fleets.all].filter(([id]) => shown.has(id)));
  };
  const find = (id: string | undefined) => found(known(), id, "fleet", "FleetId");
  const shape = (fleet: Fleet) => fleetShape(place, templates, fleet, fleets.members(fleet));

  return {
    CreateFleet: (input) => {
      const config = fleetConfig(templates, network, input);
      if (config.target.onDemand + config.target.spot === 0 && !world.fleetHabits.beginsEmpty) {
        throw new AwsError("InvalidTargetCapacitySpecification", "TotalTargetCapacity must be at least 1.");
      }
      if (!profiles.hasServiceLinkedRole("ec2fleet.amazonaws.com")) throw fleetRoleMissing();
      if (config.target.spot > 0 && !profiles.hasServiceLinkedRole("spot.amazonaws.com"))
        throw spotRoleMissing();
      // Instances of a maintain fleet take their tags from the launch template only.
      const types = config.type === "instant" ? (["fleet", "instance"] as const) : (["fleet"] as const);
      const fleetTags = specifiedTags(input.TagSpecifications, "fleet", types);
      const instanceTags = specifiedTags(input.TagSpecifications, "instance", types);
      const fleet = fleets.create(config, input.ClientToken, fleetTags);
      if (config.type !== "instant") return { FleetId: fleet.id };
      const launched = fleets.fulfilNow(fleet, instanceTags);
      return {
        FleetId: fleet.id,
        Instances: launched.map((i) => ({
          Lifecycle: i.spec.market,
          InstanceIds: [i.id],
          InstanceType: i.spec.type.name,
          AvailabilityZone: i.spec.subnet.zone,
          SubnetId: i.spec.subnet.id,
        })),
        Errors: fleet.errors.map(({ market, pool, error }) => ({
          LaunchTemplateAndOverrides: poolShape(templates, pool),
          Lifecycle: market,
          ErrorCode: error.code,
          ErrorMessage: error.message,
        })),
      };
    },

    ModifyFleet: (input) => {
      const fleet = find(input.FleetId);
      if (fleet.type !== "maintain") {
        throw new AwsError("UnsupportedOperation", `Fleets of type ${fleet.type} cannot be modified.`);
      }
      // Which code it is is documented for Spot Fleet alone, so that no one may rely on it.
      const code = world.fleetHabits.notModifiable;
      if (fleet.state !== "active" && (code !== undefined || fleet.state !== "modifying")) {
        const said = `The fleet ${fleet.id} is in the state ${fleet.state}, not active.`;
        throw new AwsError(code ?? "IncorrectState", said);
      }
      const { TargetCapacitySpecification: target, LaunchTemplateConfigs: configs } = input;
      const split = target?.OnDemandTargetCapacity ?? target?.SpotTargetCapacity;
      if (split !== undefined && !world.fleetHabits.modifiesSplit) {
        const said = "Currently we only support total target capacity modification.";
        throw new AwsError("InvalidTargetCapacitySpecification", said);
      }
      if (configs !== undefined && !world.fleetHabits.modifiesTemplate) {
        throw new AwsError("UnsupportedOperation", "The launch template of a fleet cannot be modified.");
      }
      const excess = input.ExcessCapacityTerminationPolicy;
      if (excess !== undefined && excess !== "termination" && excess !== "no-termination") {
        throw invalid(`Invalid value '${excess}' for ExcessCapacityTerminationPolicy`);
      }
      fleets.modify(fleet, {
        ...(target === undefined ? {} : { target: targetOf(target, fleet.target.defaultType) }),
        ...(excess === undefined ? {} : { excess }),
        ...(configs === undefined ? {} : { templates: templateConfigs(templates, network, configs) }),
      });
      return { Return: true };
    },

    DeleteFleets: (input) => {
      const terminate = need(input.TerminateInstances, "TerminateInstances");
      const answers = need(input.FleetIds, "FleetId").map((FleetId) => {
        const fleet = known().get(FleetId);
        const before = fleet?.state;
        if (fleet === undefined || before === undefined) {
          const Code = /^fleet-[0-9a-f-]{36}$/.test(FleetId) ? "fleetIdDoesNotExist" : "fleetIdMalformed";
          return { FleetId, Error: { Code, Message: `The fleet ID '${FleetId}' does not exist` } as const };
        }
        if (fleet.type === "instant" && !terminate) {
          throw combination("Deleting a fleet of type instant requires its instances to be terminated.");
        }
        if (before === "deleted" || before === "deleted_terminating") {
          const Message = `The fleet ${FleetId} is in the state ${before}.`;
          return { FleetId, Error: { Code: "fleetNotInDeletableState", Message } as const };
        }
        fleets.delete(fleet, terminate);
        const after: FleetStateCode = terminate ? "deleted_terminating" : "deleted_running";
        return { FleetId, PreviousFleetState: before, CurrentFleetState: after };
      });
      return {
        SuccessfulFleetDeletions: answers.flatMap((a) => ("Error" in a ? [] : [a])),
        UnsuccessfulFleetDeletions: answers.flatMap((a) => ("Error" in a ? [a] : [])),
      };
    },

    /** Fleets can be filtered by nothing but these five: not by tag. Deleted ones stay listed. */
    DescribeFleets: (input) => {
      const seen = new Map(fleets.seen().map((fleet) => [fleet.id, fleet]));
      const named = input.FleetIds?.map((id) => found(seen, id, "fleet", "FleetId"));
      const wanted = select(named ?? [...seen.values()].filter((f) => f.type !== "instant"), input.Filters, {
        "activity-status": (f) => shape(f).ActivityStatus?.replace("_", "-"),
        "excess-capacity-termination-policy": (f) => String(f.excess === "termination"),
        "fleet-state": (f) => [f.state, f.state.replace("_", "-")],
        "replace-unhealthy-instances": (f) => String(f.replaceUnhealthy),
        type: (f) => f.type,
      });
      const { items, nextToken } = page(wanted, input, place.pageSize, { min: 1, max: 1000 });
      return { Fleets: items.map(shape), NextToken: nextToken };
    },

    DescribeFleetInstances: (input) => {
      const fleet = find(input.FleetId);
      const wanted = select(fleets.members(fleet), input.Filters, {
        "instance-type": (i) => i.spec.type.name,
      });
      const { items, nextToken } = page(wanted, input, place.pageSize, { min: 1, max: 1000 });
      return {
        FleetId: fleet.id,
        ActiveInstances: items.map((i) => ({
          InstanceId: i.id,
          InstanceType: i.spec.type.name,
          SpotInstanceRequestId: i.spotRequestId,
          InstanceHealth: fleets.isUnhealthy(i) ? ("unhealthy" as const) : ("healthy" as const),
        })),
        NextToken: nextToken,
      };
    },

    /** AWS shows events up to 30 s late and for 48 h; here at once and forever. */
    DescribeFleetHistory: (input) => {
      const fleet = find(input.FleetId);
      const start = need(input.StartTime, "StartTime");
      const type = input.EventType;
      const wanted = fleet.history.filter(
        (e) => (e.Timestamp ?? start) >= start && (type === undefined || e.EventType === type),
      );
      const { items, nextToken } = page(wanted, input, place.pageSize, { min: 1, max: 1000 });
      return {
        FleetId: fleet.id,
        StartTime: start,
        HistoryRecords: items,
        ...(nextToken === undefined ? { LastEvaluatedTime: place.jobs.now() } : { NextToken: nextToken }),
      };
    },
  };
}
