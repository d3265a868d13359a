import { GetParametersByPathCommand, type SSMClient } from "@aws-sdk/client-ssm";
import type { SecretSource } from "../ports/secrets.ts";
import { EverspotError, messageOf } from "../site/errors.ts";

/** Everything directly below a path, e.g. "/everspot/blog/"; the last part of a name is the secret's name. */
export function createSecrets(client: SSMClient, path: string): SecretSource {
  return {
    async read() {
      const found: Record<string, string> = {};
      let token: string | undefined;
      do {
        const page = await client
          .send(
            new GetParametersByPathCommand({
              Path: path,
              Recursive: false,
              WithDecryption: true,
              NextToken: token,
            }),
          )
          .catch((cause: unknown) => {
            throw new EverspotError(`SSM: reading the site's secrets: ${messageOf(cause)}`, {
              resource: path,
              retry: "retry",
              hint: /AccessDenied/.test(cause instanceof Error ? cause.name : "")
                ? "a secret encrypted with a KMS key of your own needs kms:Decrypt in the instance's role"
                : undefined,
              cause,
            });
          });
        for (const { Name, Value } of page.Parameters ?? []) {
          if (Name !== undefined && Value !== undefined) found[Name.slice(Name.lastIndexOf("/") + 1)] = Value;
        }
        token = page.NextToken;
      } while (token !== undefined);
      return found;
    },
  };
}
