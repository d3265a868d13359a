import {
  DescribeFleetsCommand,
  type EC2Client,
  type FleetData,
  type FleetLaunchTemplateConfigRequest,
  ModifyFleetCommand,
} from "@aws-sdk/client-ec2";
import type { Clock } from "./clock.ts";
import { EverspotError } from "./errors.ts";

/** A pool an instance may come from. `maxPrice` in USD per hour. */
export interface FleetPool {
  type: string;
  subnet: string;
  maxPrice: number | undefined;
}

/** What is left out stays as it is. */
export interface FleetChange {
  launch?: { template: { id: string; version: number }; pools: readonly FleetPool[] };
  /** Instances it is to keep. Only the total: AWS contradicts itself on whether the two markets can be set. */
  total?: number;
}

/** Seconds for the whole of it. */
const PATIENCE = 120;
/** Seconds for EC2 to know a version that it has made. */
const KNOWN = 30;
/** Between two looks. */
const PAUSE_MS = 1_000;
/** Seconds for a change that was accepted to show: a read may be older than the write before it. */
const SHOWS = 20;

/**
 * Changes a `maintain` fleet in one call that ends no instance, and returns once the fleet is `active` and shows what
 * was asked for. A fleet that is `modifying` shows its old values and takes no second change, so both the call and the
 * return wait for `active`; which code says so is documented for Spot Fleet alone, so any refusal is followed by a
 * look at the state. A change that was accepted and does not show is sent again. Writes nothing when the fleet is as
 * asked for already. Safe to repeat.
 * @throws EverspotError (retry) after 120 s, naming what the fleet shows; AWS's own error when it refuses.
 */
export async function changeFleet(
  client: EC2Client,
  fleet: string,
  change: FleetChange,
  { clock, signal }: { clock: Clock; signal?: AbortSignal },
): Promise<void> {
  const began = clock.now();
  const deadline = began + PATIENCE * 1000;
  let tried: number | undefined;
  let sent: number | undefined;
  for (;;) {
    const seen = await look(client, fleet);
    const active = seen.FleetState === "active";
    if (active && shows(seen, change)) return;
    if (clock.now() >= deadline) throw unsettled(fleet, seen, change);
    if (active && (sent === undefined || clock.now() - sent >= SHOWS * 1000)) {
      tried ??= clock.now();
      const young = clock.now() - tried < KNOWN * 1000;
      if (await accepted(client, fleet, change, young)) sent = clock.now();
      else await clock.sleep(PAUSE_MS, signal);
    } else if (/^(deleted|failed)/.test(seen.FleetState ?? "")) {
      throw new EverspotError(`the fleet is ${seen.FleetState} and cannot be changed`, { resource: fleet });
    } else await clock.sleep(PAUSE_MS, signal);
  }
}

async function look(client: EC2Client, fleet: string): Promise<FleetData> {
  const { Fleets } = await client.send(new DescribeFleetsCommand({ FleetIds: [fleet] }));
  const [found] = Fleets ?? [];
  if (found === undefined) throw new EverspotError("the fleet is not there", { resource: fleet });
  return found;
}

/**
 * False when the fleet was about something else, whatever AWS calls that.
 * @param young whether it is no refusal yet that AWS does not know a template's version or an image.
 */
async function accepted(
  client: EC2Client,
  fleet: string,
  { launch, total }: FleetChange,
  young: boolean,
): Promise<boolean> {
  try {
    await client.send(
      new ModifyFleetCommand({
        FleetId: fleet,
        ExcessCapacityTerminationPolicy: "no-termination",
        LaunchTemplateConfigs: launch && launchConfigs(launch),
        TargetCapacitySpecification: total === undefined ? undefined : { TotalTargetCapacity: total },
      }),
    );
    return true;
  } catch (error) {
    const { name } = error as Error;
    if (STATE.test(name) || (young && UNKNOWN.test(name))) return false;
    const { FleetState } = await look(client, fleet);
    if (FleetState === "active") throw error;
    return false;
  }
}

/** Names AWS gives a request that came in the wrong moment, here or for other resources of EC2. */
const STATE = /NotInModifiableState$|^Incorrect\w*State$|^Invalid\w*State$|^IncorrectModificationState$/;

/** Codes for what was just made (EC2 Developer Guide, "Eventual consistency"; EC2 API Reference, "Error codes"). */
const UNKNOWN = /^InvalidLaunchTemplateId\.(Version)?NotFound$|^InvalidAMIID\./;

export const launchConfigs = ({
  template,
  pools,
}: NonNullable<FleetChange["launch"]>): FleetLaunchTemplateConfigRequest[] => [
  {
    LaunchTemplateSpecification: { LaunchTemplateId: template.id, Version: String(template.version) },
    Overrides: pools.map((pool) => ({
      InstanceType: pool.type as never,
      SubnetId: pool.subnet,
      MaxPrice: pool.maxPrice === undefined ? undefined : String(pool.maxPrice),
    })),
  },
];

/** What a fleet launches by, as far as it tells. */
export function launchOf(fleet: FleetData): FleetChange["launch"] {
  const config = fleet.LaunchTemplateConfigs?.[0];
  const { LaunchTemplateId: id, Version: version } = config?.LaunchTemplateSpecification ?? {};
  if (id === undefined) return undefined;
  const pools = (config?.Overrides ?? []).map((o) => ({
    type: o.InstanceType ?? "",
    subnet: o.SubnetId ?? "",
    maxPrice: o.MaxPrice === undefined ? undefined : Number(o.MaxPrice),
  }));
  return { template: { id, version: Number(version) }, pools };
}

/** A site's second fleet, whose instances cost the on-demand price. It differs from the first by just that. */
export const isBridge = (fleet: FleetData): boolean =>
  fleet.TargetCapacitySpecification?.DefaultTargetCapacityType === "on-demand";

function shows(fleet: FleetData, { launch, total }: FleetChange): boolean {
  if (total !== undefined && fleet.TargetCapacitySpecification?.TotalTargetCapacity !== total) return false;
  return launch === undefined || key(launchOf(fleet)) === key(launch);
}

const key = (launch: FleetChange["launch"]): string =>
  JSON.stringify([
    launch?.template.id,
    launch?.template.version,
    launch?.pools.map((p) => `${p.type} ${p.subnet} ${p.maxPrice}`).sort(),
  ]);

function unsettled(fleet: string, seen: FleetData, { launch, total }: FleetChange): EverspotError {
  const now = `${seen.FleetState}, target ${seen.TargetCapacitySpecification?.TotalTargetCapacity}, version ${launchOf(seen)?.template.version}`;
  const wanted = [
    ...(total === undefined ? [] : [`target ${total}`]),
    ...(launch === undefined ? [] : [`version ${launch.template.version}`]),
  ];
  return new EverspotError(
    `the fleet does not become ${wanted.join(", ")}: after ${PATIENCE} s it is ${now}`,
    { resource: fleet, retry: "retry", hint: "the fleet's history in the EC2 console says what holds it up" },
  );
}
