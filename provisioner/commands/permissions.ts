import { EverspotError, USAGE } from "../../agent/site/errors.ts";
import type { SiteConfig } from "../config/site-config.ts";
import type { Tools } from "../operator/tools.ts";
import { managedPolicies, operatorPermissions, operatorPolicy } from "../wanted/operator-policy.ts";

export interface PermissionsOptions {
  /** Twelve digits; any account if not given. */
  account?: string;
}

/**
 * `everspot permissions`: the least that whoever runs the commands must be allowed to do, as a policy for IAM. Asks AWS
 * nothing: it is for whoever has no credentials yet.
 */
export function runPermissions(
  config: SiteConfig,
  { terminal }: Pick<Tools, "terminal">,
  { account }: PermissionsOptions = {},
): void {
  if (account !== undefined && !/^\d{12}$/.test(account)) {
    throw new EverspotError(`--account must be twelve digits, not ${JSON.stringify(account)}`, {
      exitCode: USAGE,
    });
  }
  const permissions = operatorPermissions(config, account ?? "*");
  const managed = managedPolicies(permissions);
  terminal.json({
    command: "permissions",
    site: config.site,
    policy: operatorPolicy(permissions),
    managed,
    statements: permissions.map(({ why, statement }) => ({ sid: statement.Sid, why })),
  });
  for (const { why, statement } of permissions) terminal.say(`${statement.Sid?.padEnd(19)}${why}`);
  terminal.say(
    `This is one document, as a role or a permission set takes it; for managed policies, --json has it in ${managed.length} parts.`,
  );
  terminal.print(JSON.stringify(operatorPolicy(permissions), null, 2));
}
