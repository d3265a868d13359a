import type { Metadata } from "../ports/metadata.ts";
import { EverspotError } from "../site/errors.ts";

/** In the form the SDK's clients take as `credentials`. */
export interface RoleCredentials {
  accessKeyId: string;
  secretAccessKey: string;
  sessionToken: string;
  expiration: Date;
}

const PATH = "meta-data/iam/security-credentials/";

/**
 * The instance role's credentials. They rotate; the SDK asks again before they expire.
 * (EC2 user guide, "Retrieve security credentials from instance metadata".)
 */
export function roleCredentials(metadata: Metadata): () => Promise<RoleCredentials> {
  return async () => {
    const role = (await metadata.get(PATH))?.split("\n")[0]?.trim();
    const text = role ? await metadata.get(`${PATH}${role}`) : undefined;
    const found = text === undefined ? undefined : (JSON.parse(text) as Record<string, string | undefined>);
    const { AccessKeyId, SecretAccessKey, Token, Expiration } = found ?? {};
    if (!AccessKeyId || !SecretAccessKey || !Token || !Expiration) {
      throw new EverspotError("the metadata service has no credentials for this instance", {
        retry: "retry",
        hint: "the launch template must name the site's instance profile; run `everspot up`",
      });
    }
    return {
      accessKeyId: AccessKeyId,
      secretAccessKey: SecretAccessKey,
      sessionToken: Token,
      expiration: new Date(Expiration),
    };
  };
}
