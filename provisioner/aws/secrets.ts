import { DeleteParametersCommand, paginateGetParametersByPath, type SSMClient } from "@aws-sdk/client-ssm";
import { secretPath } from "../../agent/site/names.ts";
import { named } from "./errors.ts";
import { gather } from "./network-look.ts";

/** The app's secrets in SSM Parameter Store. Their values never come here. */
export interface Secrets {
  /** Sorted, without the path. */
  names(): Promise<string[]>;
  /** What is gone already is no error. */
  delete(names: readonly string[]): Promise<void>;
}

/** Of one DeleteParameters request (SSM API Reference). */
const MOST = 10;

export function createSecrets(client: SSMClient, site: string): Secrets {
  const path = secretPath(site);
  return {
    names: () =>
      named("listing the secrets", async () => {
        const found = await gather(
          paginateGetParametersByPath({ client }, { Path: path, WithDecryption: false }),
          (page) => page.Parameters,
        );
        return found.map((p) => (p.Name ?? "").slice(path.length)).sort();
      }),
    delete: (names) =>
      named("deleting the secrets", async () => {
        for (let at = 0; at < names.length; at += MOST) {
          const Names = names.slice(at, at + MOST).map((name) => `${path}${name}`);
          await client.send(new DeleteParametersCommand({ Names }));
        }
      }),
  };
}
