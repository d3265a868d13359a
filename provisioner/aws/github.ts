import {
  AddClientIDToOpenIDConnectProviderCommand,
  CreateOpenIDConnectProviderCommand,
  CreateRoleCommand,
  DeleteRoleCommand,
  DeleteRolePolicyCommand,
  GetOpenIDConnectProviderCommand,
  GetRoleCommand,
  GetRolePolicyCommand,
  type IAMClient,
  PutRolePolicyCommand,
  UpdateAssumeRolePolicyCommand,
} from "@aws-sdk/client-iam";
import { EverspotError } from "../../agent/site/errors.ts";
import { resourceName, SITE_TAG } from "../../agent/site/names.ts";
import { GITHUB_AUDIENCE, GITHUB_ISSUER } from "../wanted/deploy-policy.ts";
import type { PolicyDocument } from "../wanted/policy.ts";
import { ignoring, named } from "./errors.ts";
import type { Caller } from "./identity.ts";
import { decode, REGION_TAG } from "./roles.ts";
import { siteTags, tagOf } from "./tags.ts";

export interface GithubSeen {
  /** The account's one provider for GitHub's tokens, shared by all sites and by others. */
  provider: { audiences: string[] } | undefined;
  role: { trust: unknown; policy: unknown } | undefined;
}

/** What lets a GitHub Actions workflow deploy: the OIDC provider, and the site's role `everspot-<site>-deploy`. */
export interface Github {
  readonly roleArn: string;
  /** @throws EverspotError when a role of that name exists that is not the site's. */
  look(): Promise<GithubSeen>;
  createProvider(): Promise<void>;
  addAudience(): Promise<void>;
  createRole(trust: PolicyDocument): Promise<void>;
  setTrust(trust: PolicyDocument): Promise<void>;
  setPolicy(policy: PolicyDocument): Promise<void>;
  /** If it is gone already, that is no error. The provider stays: others may use it. */
  deleteRole(): Promise<void>;
}

export const deployRoleName = (site: string): string => `${resourceName(site)}-deploy`;

export function createGithub(client: IAMClient, site: string, region: string, caller: Caller): Github {
  const name = deployRoleName(site);
  const partition = caller.arn.split(":")[1] || "aws";
  const account = `arn:${partition}:iam::${caller.account}`;
  const provider = `${account}:oidc-provider/${GITHUB_ISSUER}`;
  const role = { RoleName: name };
  const policy = { ...role, PolicyName: name };
  return {
    roleArn: `${account}:role/${name}`,
    look: () =>
      named(`looking at the role ${name}`, async () => ({
        provider: await lookAtProvider(client, provider),
        role: await lookAtRole(client, site),
      })),
    createProvider: () =>
      named("creating the OIDC provider for GitHub", async () => {
        // IAM checks the certificates of GitHub's issuer itself; a thumbprint is not needed.
        const wanted = { Url: `https://${GITHUB_ISSUER}`, ClientIDList: [GITHUB_AUDIENCE] };
        await client
          .send(new CreateOpenIDConnectProviderCommand(wanted))
          .catch(ignoring("EntityAlreadyExists"));
      }),
    addAudience: () =>
      named("adding the audience to the OIDC provider", async () => {
        const wanted = { OpenIDConnectProviderArn: provider, ClientID: GITHUB_AUDIENCE };
        await client.send(new AddClientIDToOpenIDConnectProviderCommand(wanted));
      }),
    createRole: (trust) =>
      named(`creating the role ${name}`, async () => {
        await client
          .send(
            new CreateRoleCommand({
              ...role,
              AssumeRolePolicyDocument: JSON.stringify(trust),
              Description: `Deploys the everspot site ${site} from GitHub Actions`,
              Tags: [...siteTags(site), { Key: REGION_TAG, Value: region }],
            }),
          )
          .catch(ignoring("EntityAlreadyExists"));
      }),
    setTrust: (trust) =>
      named(`setting who may use the role ${name}`, async () => {
        await client.send(
          new UpdateAssumeRolePolicyCommand({ ...role, PolicyDocument: JSON.stringify(trust) }),
        );
      }),
    setPolicy: (document) =>
      named(`setting the policy of the role ${name}`, async () => {
        await client.send(new PutRolePolicyCommand({ ...policy, PolicyDocument: JSON.stringify(document) }));
      }),
    deleteRole: () =>
      named(`deleting the role ${name}`, async () => {
        await client.send(new DeleteRolePolicyCommand(policy)).catch(ignoring("NoSuchEntity"));
        await client.send(new DeleteRoleCommand(role)).catch(ignoring("NoSuchEntity"));
      }),
  };
}

async function lookAtProvider(client: IAMClient, arn: string): Promise<GithubSeen["provider"]> {
  const found = await client
    .send(new GetOpenIDConnectProviderCommand({ OpenIDConnectProviderArn: arn }))
    .catch(ignoring("NoSuchEntity"));
  return found && { audiences: found.ClientIDList ?? [] };
}

async function lookAtRole(client: IAMClient, site: string): Promise<GithubSeen["role"]> {
  const RoleName = deployRoleName(site);
  const found = (await client.send(new GetRoleCommand({ RoleName })).catch(ignoring("NoSuchEntity")))?.Role;
  if (found === undefined) return undefined;
  if (tagOf(found.Tags, SITE_TAG) !== site) {
    throw new EverspotError(`the role ${RoleName} exists already, and is not this site's`, {
      resource: found.Arn ?? RoleName,
      hint: "give the site another name, or delete that role if nothing uses it",
    });
  }
  const policy = await client
    .send(new GetRolePolicyCommand({ RoleName, PolicyName: RoleName }))
    .catch(ignoring("NoSuchEntity"));
  return { trust: decode(found.AssumeRolePolicyDocument), policy: decode(policy?.PolicyDocument) };
}
