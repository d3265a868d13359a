/** What is to be done so that a deploy leaves one instance, one owner, target 1 and no candidate of its own. Pure. */
import type { Channel } from "../../agent/site/channel.ts";
import type { DeployState, SiteState } from "../../agent/site/records.ts";
import type { FleetSeen, Pool } from "../aws/fleets.ts";
import type { InstanceSeen } from "../aws/instances.ts";

/** What a deploy has to do with. */
export interface Scene {
  site: SiteState | undefined;
  channel: Channel | undefined;
  fleet: FleetSeen | undefined;
  /** Newest launch first. */
  instances: readonly InstanceSeen[];
}

export type RecoveryAction =
  | { do: "withdraw"; release: string }
  | { do: "restore"; fleet: string; template: { id: string; version: number }; pools: readonly Pool[] }
  /** `onDemand`: whether the instance that stays is one. */
  | { do: "target"; fleet: string; onDemand: boolean }
  /** `at`: milliseconds since the epoch; until then they forward. */
  | { do: "drain"; instances: readonly string[]; at: number }
  | { do: "terminate"; instances: readonly string[] };

type Left = Pick<DeployState, "kind" | "release" | "old" | "before">;

/** Whether the site was handed to a new instance since the deploy began. */
export function handedOver(left: Pick<DeployState, "old">, scene: Scene): boolean {
  const owner = ownerOf(left, scene);
  return owner !== undefined && owner.id !== left.old;
}

/** The instance that has the site, unless it is gone. A claim that did not come to its end counts for nothing. */
function ownerOf({ old }: Pick<DeployState, "old">, { site, instances }: Scene): InstanceSeen | undefined {
  const alive = (id: string | undefined) => instances.find((i) => i.alive && i.id === id);
  const before = site?.state === "claiming" ? alive(old) : undefined;
  return before ?? alive(site?.owner);
}

/**
 * Forward where the site was handed over, backward where it was not. What is too many goes last, after the target,
 * which alone ends no instance; without an owner the newest instance stays: it is the one that comes up.
 * @param drain seconds a replaced instance forwards.
 * @param now milliseconds since the epoch.
 */
export function planRecovery(left: Left, scene: Scene, drain: number, now: number): RecoveryAction[] {
  const { fleet, channel, site, instances } = scene;
  const over = handedOver(left, scene);
  const alive = instances.filter((i) => i.alive);
  const keep = ownerOf(left, scene) ?? alive[0];
  const others = left.kind === "in-place" ? [] : alive.filter((i) => i !== keep);
  const actions: RecoveryAction[] = [];
  const candidate = channel?.candidate?.id;
  // One that was cut off before it wrote down its release: any candidate of a site that has a release is its own.
  const ours = left.release === undefined ? channel?.current !== undefined : candidate === left.release;
  if (!over && ours && candidate !== undefined) actions.push({ do: "withdraw", release: candidate });
  const { before } = left;
  if (!over && before !== undefined && fleet?.template && fleet.template.version !== before.version) {
    actions.push({
      do: "restore",
      fleet: fleet.id,
      template: { id: fleet.template.id, version: before.version },
      pools: before.pools.map(({ type, subnet, maxPrice }) => ({ type, subnet, maxPrice })),
    });
  }
  const onDemand = keep?.spot === false;
  if (
    left.kind === "swap" &&
    fleet !== undefined &&
    (fleet.target > 1 || fleet.onDemand !== Number(onDemand))
  ) {
    actions.push({ do: "target", fleet: fleet.id, onDemand });
  }
  const ids = others.map((i) => i.id);
  if (ids.length === 0) return actions;
  const drained = Date.parse(site?.since ?? "") + drain * 1000;
  if (over && drained > now) actions.push({ do: "drain", instances: ids, at: drained });
  actions.push({ do: "terminate", instances: ids });
  return actions;
}

export function describeRecovery(action: RecoveryAction): string {
  switch (action.do) {
    case "withdraw":
      return `take back the candidate ${action.release}`;
    case "restore":
      return `launch by version ${action.template.version} of the launch template again`;
    case "target":
      return `set the fleet's target to 1${action.onDemand ? " on-demand instance" : ""}`;
    case "drain":
      return `let ${action.instances.join(", ")} forward what still comes`;
    case "terminate":
      return `terminate ${action.instances.join(", ")}`;
  }
}
