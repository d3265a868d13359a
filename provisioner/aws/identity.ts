import { GetCallerIdentityCommand, STSClient } from "@aws-sdk/client-sts";
import { EverspotError } from "../../agent/site/errors.ts";
import { hasCode, named } from "./errors.ts";

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
