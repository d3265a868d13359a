import {
  CreateFleetCommand,
  DeleteFleetsCommand,
  DescribeFleetHistoryCommand,
  type EC2Client,
  type FleetData,
  paginateDescribeFleets,
} from "@aws-sdk/client-ec2";
import {
  changeFleet,
  type FleetChange,
  type FleetPool,
  isBridge,
  launchConfigs,
  launchOf,
} from "../../agent/site/change-fleet.ts";
import { type Clock, systemClock } from "../../agent/site/clock.ts";
import { EverspotError } from "../../agent/site/errors.ts";
import { SITE_TAG } from "../../agent/site/names.ts";
import { poll } from "../../agent/site/poll.ts";
import { named } from "./errors.ts";
import { gather } from "./network-look.ts";
import { siteTags, tagOf } from "./tags.ts";

export type Pool = FleetPool;

export type Launch = NonNullable<FleetChange["launch"]>;

export interface FleetSeen {
  id: string;
  /** EC2's word: "active", "modifying", "deleted_terminating", "deleted" … */
  state: string;
  /** Neither deleted nor being deleted. */
  alive: boolean;
  /** "pending_fulfillment", "fulfilled", "error" … */
  activity: string | undefined;
  template: { id: string; version: number } | undefined;
  pools: Pool[];
  target: number;
  /** Whether its instances cost the on-demand price: the second fleet, for when there is no spot capacity. */
  bridge: boolean;
  fulfilled: number;
  /** `MaxTotalPrice` of its market, USD per hour; undefined when it has none. */
  ceiling: number | undefined;
}

/** Something that happened to a fleet, in AWS's words. */
export interface FleetEvent {
  at: Date;
  kind: string;
  message: string;
  failure: boolean;
}

export interface Fleets {
  /** All fleets of the site, including those being deleted. */
  look(): Promise<FleetSeen[]>;
  /** The same, once none is being changed: until then a fleet shows its old values. */
  settled(): Promise<FleetSeen[]>;
  /**
   * `token` makes this safe to repeat. @param ceiling USD per hour that its instances may cost together, which cannot
   * be changed later. @param bridges what a bridging fleet begins with. @returns its id.
   */
  create(
    launch: Launch,
    token: string,
    kind: "spot" | "bridge",
    ceiling: number | undefined,
    bridges?: 0 | 1,
  ): Promise<string>;
  /** Changes the fleet in one call that ends no instance; returns once it is `active` and shows the change. */
  change(fleet: string, change: FleetChange): Promise<void>;
  /** Deletes the fleet and terminates its instances. */
  delete(fleet: string): Promise<void>;
  /** Deletes the fleet; its instances stay, and are not replaced. */
  dissolve(fleet: string): Promise<void>;
  /** Oldest first. */
  history(fleet: string, since: Date): Promise<FleetEvent[]>;
}

/**
 * Seconds for which the fleet keeps an instance that AWS recommended replacing (120–7200): time for the replacement
 * to boot and take over, which the agents do by themselves.
 */
const TERMINATION_DELAY = 900;
/** Seconds that a change begun by someone else may take. */
const SETTLE_SECONDS = 120;

export function createFleets(client: EC2Client, site: string, clock: Clock = systemClock): Fleets {
  const look = () =>
    named("looking at the fleet", async () => {
      // DescribeFleets has no filter for tags.
      const all = await gather(paginateDescribeFleets({ client }, {}), (page) => page.Fleets);
      return all
        .filter((f) => tagOf(f.Tags, SITE_TAG) === site)
        .map(seen)
        .sort((a, b) => (a.id < b.id ? -1 : 1));
    });
  return {
    look,
    settled: () =>
      poll(
        "the fleet is done with an earlier change",
        async () => {
          const fleets = await look();
          const busy = fleets.find((f) => f.alive && f.state === "modifying");
          return busy === undefined ? { done: fleets } : { waiting: `${busy.id} is ${busy.state}` };
        },
        { seconds: SETTLE_SECONDS, everySeconds: 1, clock },
      ),
    create: (launch, token, kind, ceiling, bridges = 0) =>
      named(kind === "spot" ? "creating the fleet" : "creating the bridging fleet", async () => {
        const made = await client.send(
          new CreateFleetCommand({
            ClientToken: token,
            Type: "maintain",
            ReplaceUnhealthyInstances: true,
            ExcessCapacityTerminationPolicy: "no-termination",
            LaunchTemplateConfigs: launchConfigs(launch),
            TagSpecifications: [{ ResourceType: "fleet", Tags: siteTags(site) }],
            ...(kind === "spot" ? spot(ceiling) : bridge(ceiling, bridges)),
          }),
        );
        return made.FleetId ?? "";
      }),
    change: (fleet, change) =>
      named("changing the fleet", () => changeFleet(client, fleet, change, { clock })),
    delete: (fleet) => named("deleting the fleet", () => remove(client, fleet, true)),
    dissolve: (fleet) => named("deleting the fleet without its instance", () => remove(client, fleet, false)),
    history: (fleet, since) => named("reading the fleet's history", () => history(client, fleet, since)),
  };
}

async function remove(client: EC2Client, fleet: string, TerminateInstances: boolean): Promise<void> {
  const answer = await client.send(new DeleteFleetsCommand({ FleetIds: [fleet], TerminateInstances }));
  const failed = answer.UnsuccessfulFleetDeletions?.[0]?.Error;
  if (failed === undefined || failed.Code === "fleetIdDoesNotExist") return;
  throw new EverspotError(`the fleet could not be deleted: ${failed.Message ?? failed.Code}`, {
    resource: fleet,
  });
}

/**
 * Below the price of any instance: of the market that is not the fleet's, nothing is launched, although ModifyFleet
 * could change which one is.
 */
const NOTHING = "0.001";

const most = (ceiling: number | undefined) =>
  ceiling === undefined ? {} : { MaxTotalPrice: String(ceiling) };

const spot = (ceiling: number | undefined) =>
  ({
    TargetCapacitySpecification: { TotalTargetCapacity: 1, DefaultTargetCapacityType: "spot" },
    SpotOptions: {
      AllocationStrategy: "price-capacity-optimized",
      MaintenanceStrategies: {
        CapacityRebalance: {
          ReplacementStrategy: "launch-before-terminate",
          TerminationDelay: TERMINATION_DELAY,
        },
      },
      ...most(ceiling),
    },
    OnDemandOptions: { MaxTotalPrice: NOTHING },
  }) as const;

/** Empty until an agent finds that no spot instance comes. */
const bridge = (ceiling: number | undefined, begins: number) =>
  ({
    TargetCapacitySpecification: { TotalTargetCapacity: begins, DefaultTargetCapacityType: "on-demand" },
    OnDemandOptions: { AllocationStrategy: "lowest-price", ...most(ceiling) },
    SpotOptions: { MaxTotalPrice: NOTHING },
  }) as const;

function seen(fleet: FleetData): FleetSeen {
  const launch = launchOf(fleet);
  const state = fleet.FleetState ?? "";
  const most = (isBridge(fleet) ? fleet.OnDemandOptions : fleet.SpotOptions)?.MaxTotalPrice;
  return {
    id: fleet.FleetId ?? "",
    state,
    alive: !/^(deleted|failed)/.test(state),
    activity: fleet.ActivityStatus,
    template: launch?.template,
    pools: [...(launch?.pools ?? [])],
    target: fleet.TargetCapacitySpecification?.TotalTargetCapacity ?? 0,
    bridge: isBridge(fleet),
    fulfilled: fleet.FulfilledCapacity ?? 0,
    ceiling: most === undefined ? undefined : Number(most),
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
        NextToken: token,
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
