import { type ConfigurationChange, configurationChange } from "../plan/configuration.ts";
import { refuse, warningsOf } from "../plan/findings.ts";
import { planOf } from "../plan/plan.ts";
import { survey } from "../seen/survey.ts";
import type { Given } from "./session.ts";

/**
 * What a deploy would change of the configuration; `applyChange` does it.
 * @throws EverspotError when everspot.toml cannot be brought up, or changes more than a deploy can apply.
 */
export async function compareConfiguration(
  { config, aws, tools }: Pick<Given, "config" | "aws" | "tools">,
  options: { notOwn?: boolean } = {},
): Promise<ConfigurationChange> {
  const { terminal } = tools;
  const plan = planOf(config, await survey(config, aws, tools, { refreshImage: false, ...options }));
  for (const warning of warningsOf(plan.findings)) terminal.warn(warning);
  refuse(config.site, plan.findings);
  if (plan.change === undefined) throw new Error("a plan without errors has a change");
  const change = configurationChange(plan.change);
  if (change.left.length > 0) terminal.warn(`\`everspot up\` has something to do: ${change.left.join("; ")}`);
  return change;
}
