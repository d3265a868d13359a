/** What a deploy applies of everspot.toml: all that the launch template says. Other changes are `up`'s. */
import { EverspotError } from "../../agent/site/errors.ts";
import type { DeployState } from "../../agent/site/records.ts";
import type { Aws } from "../aws/connect.ts";
import type { SiteConfig } from "../config/site-config.ts";
import type { Tools } from "../operator/tools.ts";
import { currentOf } from "../seen/current.ts";
import type { SiteSeen } from "../seen/observe.ts";
import { describeUp, type UpAction } from "./actions.ts";
import { refuse, showFindings } from "./findings.ts";
import { type Survey, survey } from "./survey.ts";

export interface ConfigurationChange {
  /** Nothing to do when empty. */
  actions: readonly UpAction[];
  /** What the fleet launches now, to go back to. */
  before: DeployState["before"];
  plan: NonNullable<Survey["plan"]>;
  seen: SiteSeen;
}

const OURS: ReadonlySet<UpAction["do"]> = new Set([
  "upload-agent",
  "create-template-version",
  "note-image",
  "change-fleet",
  "change-bridge",
]);
/**
 * Shown to nobody: the site has a release, or gets one now; the target is the deploy's own business; older images go
 * when it is over.
 */
const IGNORED: ReadonlySet<UpAction["do"]> = new Set(["publish-release", "set-fleet-target", "remove-image"]);

/** @throws EverspotError when everspot.toml changes more than a deploy can apply along with the rest. */
export async function planConfiguration(
  config: SiteConfig,
  aws: Aws,
  tools: Tools,
  options: { notOwn?: boolean } = {},
): Promise<ConfigurationChange> {
  const { terminal } = tools;
  const found = await survey(config, aws, tools, { refreshImage: false, ...options });
  showFindings(terminal, found.findings);
  refuse(config.site, found.findings);
  const { plan, seen } = found;
  if (plan === undefined) throw new Error("a survey without errors has a plan");
  const actions = plan.actions.filter((a) => OURS.has(a.do));
  const others = plan.actions.filter((a) => !OURS.has(a.do) && !IGNORED.has(a.do)).map(describeUp);
  const { fleet } = currentOf(seen);
  if (others.length > 0) {
    if (actions.length > 0) {
      throw new EverspotError("everspot.toml changes more of the site than a deploy applies", {
        lines: others,
        hint: "run `everspot up`, then deploy again",
      });
    }
    terminal.warn(`\`everspot up\` has something to do: ${others.join("; ")}`);
  }
  return {
    plan,
    seen,
    actions,
    before: fleet?.template && {
      version: fleet.template.version,
      pools: fleet.pools.map(({ type, subnet, maxPrice }) => ({
        type,
        subnet,
        ...(maxPrice === undefined ? {} : { maxPrice }),
      })),
    },
  };
}
