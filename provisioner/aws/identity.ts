import { GetRoleCommand, type IAMClient, paginateSimulatePrincipalPolicy } from "@aws-sdk/client-iam";
import { GetCallerIdentityCommand, STSClient } from "@aws-sdk/client-sts";
import { EverspotError } from "../../agent/site/errors.ts";
import type { Deed } from "../wanted/deeds.ts";
import { hasCode, named } from "./errors.ts";
import { gather } from "./network-look.ts";

export interface Caller {
  account: string;
  arn: string;
}

/** Regions that every account has know every account's credentials. */
const HOMES = [/^cn-/, /^us-gov-/] as const;
const homeOf = (region: string): string =>
  HOMES[0].test(region) ? "cn-north-1" : HOMES[1].test(region) ? "us-gov-west-1" : "us-east-1";

/** @throws EverspotError; where the region is one that must be switched on first and is not, it says so. */
export const whoAmI = (client: STSClient, region: string): Promise<Caller> =>
  named("asking AWS who we are", async () => {
    try {
      return await ask(client);
    } catch (error) {
      if (!hasCode(error, ...UNKNOWN) || region === homeOf(region)) throw error;
      const home = new STSClient({ region: homeOf(region), credentials: client.config.credentials });
      const known = await ask(home).catch(() => undefined);
      home.destroy();
      if (known === undefined) throw error;
      throw new EverspotError(`the region ${region} is not switched on in the account ${known.account}`, {
        hint: `switch it on (AWS console → your account → AWS Regions, or \`aws account enable-region --region-name ${region}\`), which takes some minutes; or use another region`,
        cause: error,
      });
    }
  });

/** What AWS calls credentials of an account that has no such region, or none at all. */
const UNKNOWN = ["InvalidClientTokenId", "UnrecognizedClient", "AuthFailure", "InvalidAccessKeyId"];

async function ask(client: STSClient): Promise<Caller> {
  const answer = await client.send(new GetCallerIdentityCommand({}));
  return { account: answer.Account ?? "", arn: answer.Arn ?? "" };
}

export interface Powers {
  /**
   * What of it AWS would refuse, as "action on resource", by simulation: nothing is done.
   * @throws EverspotError where the caller may not have itself simulated.
   */
  refused(deed: Deed): Promise<string[]>;
}

/** Undefined for the account's root user, whom no policy of its own restricts. */
export async function powersOf(client: IAMClient, { arn }: Caller): Promise<Powers | undefined> {
  if (/:root$/.test(arn)) return undefined;
  const source = await named("finding out whose permissions are in use", () => sourceOf(client, arn));
  return {
    refused: ({ actions, resources, context }) =>
      named("simulating the permissions in use", async () => {
        const found = await gather(
          paginateSimulatePrincipalPolicy(
            { client },
            {
              PolicySourceArn: source,
              ActionNames: [...actions],
              ...(resources.length > 0 && { ResourceArns: [...resources] }),
              ContextEntries: Object.entries(context).map(([ContextKeyName, values]) => ({
                ...{ ContextKeyName, ContextKeyValues: [...values] },
                ContextKeyType: values.length === 1 ? ("string" as const) : ("stringList" as const),
              })),
            },
          ),
          (page) => page.EvaluationResults,
        );
        return found
          .filter((r) => r.EvalDecision !== "allowed")
          .map(({ EvalActionName = "", EvalResourceName = "*" }) =>
            EvalResourceName === "*" ? EvalActionName : `${EvalActionName} on ${EvalResourceName}`,
          );
      }),
  };
}

/** The role behind a session. Its ARN lacks the role's path; usually only those of IAM Identity Center have one. */
async function sourceOf(client: IAMClient, arn: string): Promise<string> {
  const [, partition, account, role] = /^arn:([^:]+):sts::(\d+):assumed-role\/([^/]+)\//.exec(arn) ?? [];
  if (role === undefined) return arn;
  const plain = `arn:${partition}:iam::${account}:role/${role}`;
  if (!role.startsWith("AWSReservedSSO_")) return plain;
  const found = await client.send(new GetRoleCommand({ RoleName: role })).catch(() => undefined);
  return found?.Role?.Arn ?? plain;
}
