import {
  CreateRoleCommand,
  DeleteRoleCommand,
  DeleteRolePolicyCommand,
  GetRoleCommand,
  type IAMClient,
  PutRolePolicyCommand,
} from "@aws-sdk/client-iam";
import { EverspotError } from "../../../agent/site/errors.ts";
import { resourceName, SITE_TAG } from "../../../agent/site/names.ts";
import type { PolicyDocument } from "../../wanted/policy.ts";
import { ignoring, named } from "../errors.ts";
import type { Caller } from "../identity.ts";
import { REGION_TAG } from "../roles.ts";
import { siteTags, tagOf } from "../tags.ts";

/** The role `everspot-<site>-drill`, which exists only during a drill. Every call can be repeated. */
export interface DrillRole {
  readonly arn: string;
  /** @throws EverspotError when a role of that name is not the site's. */
  exists(): Promise<boolean>;
  create(trust: PolicyDocument, policy: PolicyDocument): Promise<void>;
  delete(): Promise<void>;
}

export function createDrillRole(
  client: IAMClient,
  site: string,
  region: string,
  { account, arn }: Caller,
): DrillRole {
  const RoleName = `${resourceName(site)}-drill`;
  const role: DrillRole = {
    arn: `arn:${arn.split(":")[1] || "aws"}:iam::${account}:role/${RoleName}`,
    exists: () =>
      named(`looking at the role ${RoleName}`, async () => {
        const found = await client.send(new GetRoleCommand({ RoleName })).catch(ignoring("NoSuchEntity"));
        if (found?.Role === undefined) return false;
        if (tagOf(found.Role.Tags, SITE_TAG) === site) return true;
        throw new EverspotError(`the role ${RoleName} exists already, and is not this site's`, {
          resource: found.Role.Arn ?? RoleName,
          hint: "delete that role if nothing uses it",
        });
      }),
    create: (trust, policy) =>
      named(`creating the role ${RoleName}`, async () => {
        if (!(await role.exists())) {
          await client
            .send(
              new CreateRoleCommand({
                RoleName,
                AssumeRolePolicyDocument: JSON.stringify(trust),
                Description: `Interrupts an instance of the everspot site ${site}, for a drill`,
                Tags: [...siteTags(site), { Key: REGION_TAG, Value: region }],
              }),
            )
            .catch(ignoring("EntityAlreadyExists"));
        }
        await client.send(
          new PutRolePolicyCommand({
            ...{ RoleName, PolicyName: RoleName },
            PolicyDocument: JSON.stringify(policy),
          }),
        );
      }),
    delete: () =>
      named(`deleting the role ${RoleName}`, async () => {
        await client
          .send(new DeleteRolePolicyCommand({ RoleName, PolicyName: RoleName }))
          .catch(ignoring("NoSuchEntity"));
        await client.send(new DeleteRoleCommand({ RoleName })).catch(ignoring("NoSuchEntity"));
      }),
  };
  return role;
}
