import { daysSince } from "../../agent/site/clock.ts";
import type { Aws } from "../aws/connect.ts";
import { describeUp, type UpAction } from "../plan/actions.ts";
import { type ConfigurationChange, configurationChange, firstOf } from "../plan/configuration.ts";
import { refuse, warningsOf } from "../plan/findings.ts";
import { type Change, planOf } from "../plan/plan.ts";
import { currentOf } from "../seen/current.ts";
import type { ImageOptions, World } from "../seen/observe.ts";
import { type Survey, survey } from "../seen/survey.ts";
import type { Given } from "./session.ts";

/**
 * What a deploy would change of the configuration; `applyChange` does it.
 * @throws EverspotError when everspot.toml cannot be brought up, or changes more than a deploy can apply.
 */
export async function compareConfiguration(
  { config, aws, tools }: Pick<Given, "config" | "aws" | "tools">,
  options: Partial<ImageOptions> = {},
): Promise<ConfigurationChange> {
  const { terminal } = tools;
  const look = (how: ImageOptions) => survey(config, aws, tools, how);
  const how = { refreshImage: false, ...options };
  let found = await look(how);
  let plan = planOf(config, found);
  const { outdated } = found.world;
  if (outdated !== undefined && plan.change !== undefined && firstOf(plan.change).length > 0) {
    // The newer image was not asked for, so a deploy that can go on without it must not fail for it.
    terminal.warn(
      `${outdated.id} is old, and stays until \`everspot up\` has made the changes that it alone can make`,
    );
    found = await look({ ...how, outdatedBefore: undefined });
    plan = planOf(config, found);
  }
  for (const warning of warningsOf(plan.findings)) terminal.warn(warning);
  refuse(config.site, plan.findings);
  if (plan.change === undefined) throw new Error("a plan without errors has a change");
  const without = await leftAsItIs(plan.change, aws);
  if (without !== undefined) {
    terminal.warn(
      `what instances start with stays as it is: these credentials may not change it, and these changes would be needed: ${without.join("; ")}. \`everspot deploy\` at a terminal brings it (\`everspot up\` does, for the next launch)`,
    );
    return { ...plan.change, actions: [], left: [], before: undefined };
  }
  const change = configurationChange(plan.change);
  if (found.world.outdated !== undefined)
    terminal.say(takenAlong(found, found.world.outdated, tools.clock.now()));
  if (change.left.length > 0) terminal.warn(`this is left for \`everspot up\`: ${change.left.join("; ")}`);
  return change;
}

/** What a machine starts with, as root: a role that only brings code may do none of it. */
const MACHINE: ReadonlySet<UpAction["do"]> = new Set([
  "upload-agent",
  "create-template-version",
  "note-image",
]);

/** A line for each action that is not done, where what a machine starts with may not be changed; else undefined. */
async function leftAsItIs({ actions, seen }: Change, aws: Aws): Promise<string[] | undefined> {
  const { template } = currentOf(seen);
  if (template === undefined || !actions.some((a) => MACHINE.has(a.do))) return undefined;
  return (await aws.templates.mayCreateVersion(template)) ? undefined : actions.map(describeUp);
}

function takenAlong({ seen, world }: Survey, outdated: NonNullable<World["outdated"]>, now: number): string {
  const own = seen.images.some((i) => i.base === outdated.id)
    ? "; `everspot bake` then makes an image of it"
    : "";
  return `Debian's image ${outdated.id} is ${daysSince(outdated.created, now)} days old: ${world.newestImage} takes its place if it serves ([image] refresh)${own}`;
}
