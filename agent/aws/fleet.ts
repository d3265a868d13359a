import {
  DescribeFleetsCommand,
  type EC2Client,
  type FleetData,
  TerminateInstancesCommand,
} from "@aws-sdk/client-ec2";
import type { Fleet } from "../ports/fleet.ts";
import { changeFleet, isBridge } from "../site/change-fleet.ts";
import type { Clock } from "../site/clock.ts";
import { EverspotError, messageOf } from "../site/errors.ts";
import { SITE_TAG } from "../site/names.ts";

export function createFleet(client: EC2Client, site: string, clock: Clock, signal?: AbortSignal): Fleet {
  const named = <T>(doing: string, run: () => Promise<T>): Promise<T> =>
    run().catch((cause: unknown) => {
      throw fleetError(doing, site, cause);
    });
  const how = signal === undefined ? { clock } : { clock, signal };
  const look = async () => {
    const all = await fleetsOf(client, site);
    return { spot: all.find((f) => !isBridge(f)), bridge: all.find(isBridge) };
  };
  return {
    target: () =>
      named("describing the fleet", async () => {
        const { spot, bridge } = await look();
        return { total: targetOf(there(spot, "fleet")), bridge: bridge && targetOf(bridge) };
      }),
    setTotal: (total) =>
      named(`setting the fleet's target to ${total}`, async () => {
        const { FleetId = "" } = there((await look()).spot, "fleet");
        await changeFleet(client, FleetId, { total }, how);
      }),
    setBridge: (total) =>
      named(`setting the target of the fleet that bridges to ${total}`, async () => {
        const { FleetId = "" } = there((await look()).bridge, "fleet that could bridge");
        await changeFleet(client, FleetId, { total }, how);
      }),
    terminate: (instance) =>
      named(`terminating ${instance}`, async () => {
        await client.send(new TerminateInstancesCommand({ InstanceIds: [instance] }));
      }),
  };
}

/** DescribeFleets has no filter for tags. */
export async function fleetsOf(client: EC2Client, site: string): Promise<FleetData[]> {
  const found: FleetData[] = [];
  let NextToken: string | undefined;
  do {
    const page = await client.send(new DescribeFleetsCommand({ NextToken }));
    found.push(...(page.Fleets ?? []));
    NextToken = page.NextToken;
  } while (NextToken !== undefined);
  const own = (f: FleetData) => f.Tags?.some((t) => t.Key === SITE_TAG && t.Value === site) === true;
  return found.filter((f) => own(f) && !/^(deleted|failed)/.test(f.FleetState ?? ""));
}

const targetOf = (fleet: FleetData): number => fleet.TargetCapacitySpecification?.TotalTargetCapacity ?? 0;

function there(fleet: FleetData | undefined, what: string): FleetData {
  if (fleet !== undefined) return fleet;
  throw new EverspotError(`the site has no ${what}`, { hint: "`everspot up` makes it" });
}

/** What AWS said of a fleet, as one sentence. */
export const fleetError = (doing: string, fleet: string, cause: unknown): EverspotError =>
  cause instanceof EverspotError
    ? cause
    : new EverspotError(`EC2: ${doing}: ${messageOf(cause)}`, { resource: fleet, retry: "retry", cause });
