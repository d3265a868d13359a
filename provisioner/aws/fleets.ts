import {
  CreateFleetCommand,
  DeleteFleetsCommand,
  DescribeFleetHistoryCommand,
  type EC2Client,
  type FleetData,
  type FleetLaunchTemplateConfigRequest,
  ModifyFleetCommand,
  paginateDescribeFleets,
} from "@aws-sdk/client-ec2";
import { EverspotError } from "../../agent/site/errors.ts";
import { SITE_TAG } from "../../agent/site/names.ts";
import { named } from "./errors.ts";
import { gather } from "./network-look.ts";
import { siteTags, tagOf } from "./tags.ts";

/** One pool the fleet may take an instance from. `maxPrice` in USD per hour. */
export interface Pool {
  type: string;
  subnet: string;
  maxPrice: number | undefined;
}

export interface FleetSeen {
  id: string;
  /** EC2's word: "active", "modifying", "deleted_terminating", "deleted" … */
  state: string;
  /** Neither deleted nor on the way there. */
  alive: boolean;
  /** "pending_fulfillment", "fulfilled", "error" … */
  activity: string | undefined;
  template: { id: string; version: number } | undefined;
  pools: Pool[];
  target: number;
  /** Of the target: at the on-demand price. */
  onDemand: number;
  fulfilled: number;
}

/** Something that happened to a fleet, in AWS's words. */
export interface FleetEvent {
  at: Date;
  kind: string;
  message: string;
  failure: boolean;
}

export interface Fleets {
  /** All fleets of the site, those that are being deleted too. */
  look(): Promise<FleetSeen[]>;
  /** `token` makes this safe to repeat. @returns the fleet's id. */
  create(template: { id: string; version: number }, pools: readonly Pool[], token: string): Promise<string>;
  setTemplate(
    fleet: string,
    template: { id: string; version: number },
    pools: readonly Pool[],
  ): Promise<void>;
  /** Ends no instance. @param onDemand how many of them at the on-demand price; the fleet counts each kind by itself. */
  setTarget(fleet: string, target: number, onDemand?: number): Promise<void>;
  /** Its instances are terminated with it. */
  delete(fleet: string): Promise<void>;
  /** Oldest first. */
  history(fleet: string, since: Date): Promise<FleetEvent[]>;
}

/**
 * Seconds the fleet lets an instance live that AWS recommended to replace (120–7200): time for the replacement
 * to boot and take over, which the agents see to themselves.
 */
const TERMINATION_DELAY = 900;

export function createFleets(client: EC2Client, site: string): Fleets {
  return {
    look: () =>
      named("looking at the fleet", async () => {
        // DescribeFleets has no filter for tags.
        const all = await gather(paginateDescribeFleets({ client }, {}), (page) => page.Fleets);
        return all
          .filter((f) => tagOf(f.Tags, SITE_TAG) === site)
          .map(seen)
          .sort((a, b) => (a.id < b.id ? -1 : 1));
      }),
    create: (template, pools, token) =>
      named("creating the fleet", async () => {
        const made = await client.send(
          new CreateFleetCommand({
            ClientToken: token,
            Type: "maintain",
            ReplaceUnhealthyInstances: true,
            ExcessCapacityTerminationPolicy: "no-termination",
            TargetCapacitySpecification: { TotalTargetCapacity: 1, DefaultTargetCapacityType: "spot" },
            SpotOptions: {
              AllocationStrategy: "price-capacity-optimized",
              MaintenanceStrategies: {
                CapacityRebalance: {
                  ReplacementStrategy: "launch-before-terminate",
                  TerminationDelay: TERMINATION_DELAY,
                },
              },
            },
            LaunchTemplateConfigs: configs(template, pools),
            TagSpecifications: [{ ResourceType: "fleet", Tags: siteTags(site) }],
          }),
        );
        return made.FleetId ?? "";
      }),
    setTemplate: (fleet, template, pools) =>
      named("changing the fleet", async () => {
        await client.send(
          new ModifyFleetCommand({ FleetId: fleet, LaunchTemplateConfigs: configs(template, pools) }),
        );
      }),
    setTarget: (fleet, target, onDemand = 0) =>
      named("changing the fleet's target", async () => {
        await client.send(
          new ModifyFleetCommand({
            FleetId: fleet,
            ExcessCapacityTerminationPolicy: "no-termination",
            TargetCapacitySpecification: {
              TotalTargetCapacity: target,
              OnDemandTargetCapacity: onDemand,
              SpotTargetCapacity: target - onDemand,
              DefaultTargetCapacityType: "spot",
            },
          }),
        );
      }),
    delete: (fleet) =>
      named("deleting the fleet", async () => {
        const answer = await client.send(
          new DeleteFleetsCommand({ FleetIds: [fleet], TerminateInstances: true }),
        );
        const failed = answer.UnsuccessfulFleetDeletions?.[0]?.Error;
        if (failed === undefined || failed.Code === "fleetIdDoesNotExist") return;
        throw new EverspotError(`the fleet could not be deleted: ${failed.Message ?? failed.Code}`, {
          resource: fleet,
        });
      }),
    history: (fleet, since) => named("reading the fleet's history", () => history(client, fleet, since)),
  };
}

const configs = (
  template: { id: string; version: number },
  pools: readonly Pool[],
): FleetLaunchTemplateConfigRequest[] => [
  {
    LaunchTemplateSpecification: { LaunchTemplateId: template.id, Version: String(template.version) },
    Overrides: pools.map((pool) => ({
      InstanceType: pool.type as never,
      SubnetId: pool.subnet,
      ...(pool.maxPrice === undefined ? {} : { MaxPrice: String(pool.maxPrice) }),
    })),
  },
];

function seen(fleet: FleetData): FleetSeen {
  const config = fleet.LaunchTemplateConfigs?.[0];
  const spec = config?.LaunchTemplateSpecification;
  const state = fleet.FleetState ?? "";
  return {
    id: fleet.FleetId ?? "",
    state,
    alive: !/^(deleted|failed)/.test(state),
    activity: fleet.ActivityStatus,
    template:
      spec?.LaunchTemplateId === undefined
        ? undefined
        : { id: spec.LaunchTemplateId, version: Number(spec.Version) },
    pools: (config?.Overrides ?? []).map((o) => ({
      type: o.InstanceType ?? "",
      subnet: o.SubnetId ?? "",
      maxPrice: o.MaxPrice === undefined ? undefined : Number(o.MaxPrice),
    })),
    target: fleet.TargetCapacitySpecification?.TotalTargetCapacity ?? 0,
    onDemand: fleet.TargetCapacitySpecification?.OnDemandTargetCapacity ?? 0,
    fulfilled: fleet.FulfilledCapacity ?? 0,
  };
}

async function history(client: EC2Client, fleet: string, since: Date): Promise<FleetEvent[]> {
  const events: FleetEvent[] = [];
  let token: string | undefined;
  do {
    const page = await client.send(
      new DescribeFleetHistoryCommand({
        FleetId: fleet,
        StartTime: since,
        ...(token === undefined ? {} : { NextToken: token }),
      }),
    );
    for (const record of page.HistoryRecords ?? []) {
      const { EventSubType: kind = "", EventDescription: message = "" } = record.EventInformation ?? {};
      events.push({
        at: record.Timestamp ?? since,
        kind,
        message: message === "" ? kind : message,
        failure: record.EventType === "service-error" || FAILURES.test(kind),
      });
    }
    token = page.NextToken;
  } while (token !== undefined && token !== "");
  return events;
}

/** Kinds of events that say why no instance came (EC2 API Reference, EventInformation). */
const FAILURES = /Invalid|Exceeded|Unusable|Blacklisted|Halted/;
