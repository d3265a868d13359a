/** What a deploy applies of everspot.toml: all that the launch template says. Other changes are `up`'s. */

import type { DeployState } from "../../agent/site/documents/deploy-state.ts";
import { EverspotError } from "../../agent/site/errors.ts";
import { currentOf } from "../seen/current.ts";
import type { SiteSeen } from "../seen/observe.ts";
import { parseVersion } from "../wanted/template.ts";
import { describeUp, type UpAction } from "./actions.ts";
import type { Change } from "./plan.ts";

export interface ConfigurationChange extends Change {
  /** What the instance that serves was launched by, to go back to; undefined where none serves. */
  before: DeployState["before"];
  /** What is left for `up`, a line each. */
  left: string[];
}

const OURS: ReadonlySet<UpAction["do"]> = new Set([
  "upload-agent",
  "create-template-version",
  "note-image",
  "change-fleet",
  "change-bridge",
]);
/**
 * Not shown: the site has a release, or gets one now; the target and what is too many are the deploy's own
 * business; older images go when it is over.
 */
const IGNORED: ReadonlySet<UpAction["do"]> = new Set([
  "publish-release",
  "reconfigure-candidate",
  "set-fleet-target",
  "replace-instance",
  "remove-image",
]);

type Actions = Pick<Change, "actions">;

const othersOf = ({ actions }: Actions): UpAction[] =>
  actions.filter((a) => !OURS.has(a.do) && !IGNORED.has(a.do));

/** What only `up` does, and has to do before a deploy can change anything, a line each. */
export const firstOf = (change: Actions): string[] =>
  othersOf(change)
    .filter((a) => !("needed" in a) || a.needed)
    .map(describeUp);

/** @throws EverspotError when everspot.toml changes more than a deploy can apply along with the rest. */
export function configurationChange(change: Change): ConfigurationChange {
  const actions = change.actions.filter((a) => OURS.has(a.do));
  const left = othersOf(change).map(describeUp);
  const first = firstOf(change);
  const cannotLaunch = othersOf(change).some(
    (a) => (a.do === "replace-fleet" || a.do === "replace-bridge") && a.needed,
  );
  if (first.length > 0 && (actions.length > 0 || cannotLaunch)) {
    throw new EverspotError("everspot.toml changes more of the site than a deploy can apply", {
      lines: first,
      hint: "run `everspot up`, then deploy again",
    });
  }
  const { fleet } = currentOf(change.seen);
  const served = servedVersion(change.seen);
  const before = served !== undefined &&
    fleet?.template && {
      version: served,
      pools: fleet.pools.map(({ type, subnet, maxPrice }) => ({
        type,
        subnet,
        maxPrice,
      })),
    };
  return { ...change, actions, left, before: before || undefined };
}

/**
 * The version of the launch template that is known to bring up an instance: the fleet's, where that says the same as the
 * one of the instance that has the site.
 */
function servedVersion({ fleets, instances, state, templates }: SiteSeen): number | undefined {
  const serves = state?.state === "serving" && instances.find((i) => i.alive && i.id === state.owner);
  if (!serves) return undefined;
  const launches = fleets.find((f) => f.alive && !f.bridge)?.template?.version;
  const latest = templates[0]?.latest;
  const stock = latest?.version === launches ? parseVersion(latest?.description)?.baked?.stock : undefined;
  return serves.templateVersion === stock ? launches : (serves.templateVersion ?? launches);
}

/** The same with the fleet's target, in the call that changes what it launches: it takes no second one meanwhile. */
export const withTarget = (change: ConfigurationChange, target: number): ConfigurationChange => ({
  ...change,
  actions: change.actions.map((action) => (action.do === "change-fleet" ? { ...action, target } : action)),
});
