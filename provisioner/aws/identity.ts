import { GetCallerIdentityCommand, type STSClient } from "@aws-sdk/client-sts";
import { named } from "./errors.ts";

export interface Caller {
  account: string;
  arn: string;
}

export const whoAmI = (client: STSClient): Promise<Caller> =>
  named("asking AWS who we are", async () => {
    const answer = await client.send(new GetCallerIdentityCommand({}));
    return { account: answer.Account ?? "", arn: answer.Arn ?? "" };
  });
