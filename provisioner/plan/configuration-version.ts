/** Versions of the launch template as configurations: two that differ in the image alone are one. Pure. */
import type { TemplateSeen } from "../aws/templates.ts";
import { parseVersion } from "../wanted/template.ts";
import type { UpAction } from "./actions.ts";

/**
 * The lowest version that has the newest configuration once these actions are done: a release that comes with it may
 * be tried from there on. Undefined where there is no template and none is made.
 */
export function configurationVersion(
  actions: readonly UpAction[],
  template: TemplateSeen | undefined,
): number | undefined {
  // EC2 counts them up.
  if (actions.some(makesConfiguration)) return (template?.latest.version ?? 0) + 1;
  return parseVersion(template?.latest.description)?.baked?.stock ?? template?.latest.version;
}

/** Whether it makes a version that says something else than the one before. */
export const makesConfiguration = (action: UpAction): boolean =>
  action.do === "create-template" ||
  (action.do === "create-template-version" && action.made.base === undefined);
