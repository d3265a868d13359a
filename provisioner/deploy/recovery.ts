/** What is to be done so that a deploy leaves one instance, one owner, target 1 and no candidate of its own. Pure. */
import type { FleetChange } from "../../agent/site/change-fleet.ts";
import type { Channel } from "../../agent/site/channel.ts";
import type { DeployState } from "../../agent/site/documents/deploy-state.ts";
import type { SiteState } from "../../agent/site/documents/site-state.ts";
import { omitUndefined } from "../../agent/site/omit-undefined.ts";
import type { FleetSeen } from "../aws/fleets.ts";
import type { InstanceSeen } from "../aws/instances.ts";

/** What a deploy has to deal with. */
export interface Scene {
  site: SiteState | undefined;
  channel: Channel | undefined;
  /** Those that are alive. */
  fleets: readonly FleetSeen[];
  /** Newest launch first. */
  instances: readonly InstanceSeen[];
}

export type RecoveryAction =
  | { do: "withdraw"; release: string }
  /** Both in one call: a fleet that is being changed takes no second change. */
  | { do: "fleet"; fleet: string; change: FleetChange }
  /** `at`: milliseconds since the epoch; until then they forward. */
  | { do: "drain"; instances: readonly string[]; at: number }
  | { do: "terminate"; instances: readonly string[] };

type Left = Pick<DeployState, "kind" | "release" | "old" | "before">;

/** Whether the site was handed to a new instance since the deploy began. */
export function handedOver(left: Pick<DeployState, "old">, scene: Scene): boolean {
  const owner = ownerOf(left, scene);
  return owner !== undefined && owner.id !== left.old;
}

/** The instance that has the site, unless it is gone. An unfinished claim counts for nothing. */
function ownerOf({ old }: Pick<DeployState, "old">, { site, instances }: Scene): InstanceSeen | undefined {
  const alive = (id: string | undefined) => instances.find((i) => i.alive && i.id === id);
  const before = site?.state === "claiming" ? alive(old) : undefined;
  return before ?? alive(site?.owner);
}

/**
 * Forward where the site was handed over, backward where it was not. Surplus instances go last, after the target, which
 * alone ends no instance; without an owner the newest instance stays: it is the one that is coming up.
 * @param drain seconds a replaced instance forwards.
 * @param now milliseconds since the epoch.
 */
export function planRecovery(left: Left, scene: Scene, drain: number, now: number): RecoveryAction[] {
  const { fleets, channel, site, instances } = scene;
  const over = handedOver(left, scene);
  const alive = instances.filter((i) => i.alive);
  const keep = ownerOf(left, scene) ?? alive[0];
  const others = left.kind === "in-place" ? [] : alive.filter((i) => i !== keep);
  const actions: RecoveryAction[] = [];
  const candidate = channel?.candidate?.id;
  // A deploy cut off before it noted its release: any candidate of a site that has a release is its own.
  const ours = left.release === undefined ? channel?.current !== undefined : candidate === left.release;
  if (!over && ours && candidate !== undefined) actions.push({ do: "withdraw", release: candidate });
  for (const fleet of fleets) {
    const change = changeOf(fleet, over ? undefined : left.before, left.kind === "swap" ? keep : undefined);
    if (change !== undefined) actions.push({ do: "fleet", fleet: fleet.id, change });
  }
  const ids = others.map((i) => i.id);
  if (ids.length === 0) return actions;
  const drained = Date.parse(site?.since ?? "") + drain * 1000;
  if (over && drained > now) actions.push({ do: "drain", instances: ids, at: drained });
  actions.push({ do: "terminate", instances: ids });
  return actions;
}

/**
 * @param before what the fleets are to launch again; undefined to leave that as it is.
 * @param keep the instance that stays; undefined to leave the targets as they are.
 */
function changeOf(
  fleet: FleetSeen,
  before: Left["before"],
  keep: InstanceSeen | undefined,
): FleetChange | undefined {
  const price = (maxPrice: number | undefined) => (fleet.bridge ? undefined : maxPrice);
  const pools = before?.pools.map((p) => ({ type: p.type, subnet: p.subnet, maxPrice: price(p.maxPrice) }));
  const launch =
    before !== undefined && pools !== undefined && fleet.template && fleet.template.version !== before.version
      ? { template: { id: fleet.template.id, version: before.version }, pools }
      : undefined;
  // A bridging instance goes on until a spot instance has the site.
  const most = fleet.bridge ? Number(keep?.spot === false) : 1;
  const total = keep !== undefined && fleet.target > most ? most : undefined;
  if (launch === undefined && total === undefined) return undefined;
  return omitUndefined({ launch, total });
}

export function describeRecovery(action: RecoveryAction): string {
  switch (action.do) {
    case "withdraw":
      return `take back the candidate ${action.release}`;
    case "fleet": {
      const { launch, total } = action.change;
      return [
        ...(launch === undefined
          ? []
          : [`launch by version ${launch.template.version} of the launch template again`]),
        ...(total === undefined ? [] : [`set the target of ${action.fleet} to ${total}`]),
      ].join(", and ");
    }
    case "drain":
      return `let ${action.instances.join(", ")} forward late requests`;
    case "terminate":
      return `terminate ${action.instances.join(", ")}`;
  }
}
