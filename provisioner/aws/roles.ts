import {
  AddRoleToInstanceProfileCommand,
  CreateInstanceProfileCommand,
  CreateRoleCommand,
  CreateServiceLinkedRoleCommand,
  DeleteInstanceProfileCommand,
  DeleteRoleCommand,
  DeleteRolePolicyCommand,
  GetInstanceProfileCommand,
  GetRoleCommand,
  GetRolePolicyCommand,
  type IAMClient,
  PutRolePolicyCommand,
  RemoveRoleFromInstanceProfileCommand,
  UpdateAssumeRolePolicyCommand,
} from "@aws-sdk/client-iam";
import { EverspotError } from "../../agent/site/errors.ts";
import { resourceName, SITE_TAG } from "../../agent/site/names.ts";
import type { PolicyDocument } from "../wanted/policy.ts";
import { hasCode, ignoring, named } from "./errors.ts";
import { siteTags, tagOf } from "./tags.ts";

/** IAM is global: the tag says in which region a role's site is. */
export const REGION_TAG = "everspot:region";

export interface RoleSeen {
  role: { region: string | undefined; trust: unknown; policy: unknown } | undefined;
  profile: { roles: string[] } | undefined;
}

/**
 * The instances' role, its one inline policy and its instance profile, all under the site's resource name. Creating
 * what exists and deleting what is gone are no errors.
 */
export interface Roles {
  /** @throws EverspotError when a role of the site's name exists that is not the site's. */
  look(): Promise<RoleSeen>;
  createRole(trust: PolicyDocument): Promise<void>;
  setTrust(trust: PolicyDocument): Promise<void>;
  setPolicy(policy: PolicyDocument): Promise<void>;
  createProfile(): Promise<void>;
  addToProfile(): Promise<void>;
  removeFromProfile(role: string): Promise<void>;
  deleteProfile(): Promise<void>;
  deletePolicy(): Promise<void>;
  deleteRole(): Promise<void>;
  hasServiceRole(role: string): Promise<boolean>;
  createServiceRole(service: string): Promise<void>;
}

export function createRoles(client: IAMClient, site: string, region: string): Roles {
  const name = resourceName(site);
  const role = { RoleName: name };
  const profile = { InstanceProfileName: name };
  const policy = { ...role, PolicyName: name };
  const tags = [...siteTags(site), { Key: REGION_TAG, Value: region }];
  const send = (doing: string, run: () => Promise<unknown>, ...fine: string[]) =>
    named(doing, () => run().then(() => undefined, ignoring(...fine)));
  return {
    look: () =>
      named(`looking at the role ${name}`, async () => ({
        role: await lookAtRole(client, site),
        profile: await lookAtProfile(client, site),
      })),
    createRole: (trust) =>
      send(
        `creating the role ${name}`,
        () =>
          client.send(
            new CreateRoleCommand({
              ...role,
              AssumeRolePolicyDocument: JSON.stringify(trust),
              Description: `Instances of the everspot site ${site}`,
              Tags: tags,
            }),
          ),
        "EntityAlreadyExists",
      ),
    setTrust: (trust) =>
      send("setting who may use the role", () =>
        client.send(new UpdateAssumeRolePolicyCommand({ ...role, PolicyDocument: JSON.stringify(trust) })),
      ),
    setPolicy: (document) =>
      send("setting the role's policy", () =>
        client.send(new PutRolePolicyCommand({ ...policy, PolicyDocument: JSON.stringify(document) })),
      ),
    createProfile: () =>
      send(
        `creating the instance profile ${name}`,
        () => client.send(new CreateInstanceProfileCommand({ ...profile, Tags: tags })),
        "EntityAlreadyExists",
      ),
    // LimitExceeded: a profile holds one role, and a second try of this call finds it taken.
    addToProfile: () =>
      send("adding the role to the instance profile", async () => {
        await client
          .send(new AddRoleToInstanceProfileCommand({ ...profile, ...role }))
          .catch(async (error: unknown) => {
            const taken = hasCode(error, "LimitExceeded");
            if (!taken || !(await lookAtProfile(client, site))?.roles.includes(name)) throw error;
          });
      }),
    removeFromProfile: (member) =>
      send(
        "removing the role from the instance profile",
        () => client.send(new RemoveRoleFromInstanceProfileCommand({ ...profile, RoleName: member })),
        GONE,
      ),
    deleteProfile: () =>
      send(
        "deleting the instance profile",
        () => client.send(new DeleteInstanceProfileCommand(profile)),
        GONE,
      ),
    deletePolicy: () =>
      send("deleting the role's policy", () => client.send(new DeleteRolePolicyCommand(policy)), GONE),
    deleteRole: () => send("deleting the role", () => client.send(new DeleteRoleCommand(role)), GONE),
    hasServiceRole: (serviceRole) =>
      named(`looking for the role ${serviceRole}`, async () => {
        const found = await client.send(new GetRoleCommand({ RoleName: serviceRole })).catch(ignoring(GONE));
        return found !== undefined;
      }),
    // IAM answers InvalidInput when the role exists already.
    createServiceRole: (service) =>
      send(
        `creating the service-linked role of ${service}`,
        () => client.send(new CreateServiceLinkedRoleCommand({ AWSServiceName: service })),
        "InvalidInput",
      ),
  };
}

const GONE = "NoSuchEntity";

async function lookAtRole(client: IAMClient, site: string): Promise<RoleSeen["role"]> {
  const name = resourceName(site);
  const found = (await client.send(new GetRoleCommand({ RoleName: name })).catch(ignoring(GONE)))?.Role;
  if (found === undefined) return undefined;
  if (tagOf(found.Tags, SITE_TAG) !== site) {
    throw new EverspotError(`the role ${name} exists already, and is not this site's`, {
      resource: found.Arn ?? name,
      hint: "give the site another name, or delete that role if nothing uses it",
    });
  }
  const policy = await client
    .send(new GetRolePolicyCommand({ RoleName: name, PolicyName: name }))
    .catch(ignoring(GONE));
  return {
    region: tagOf(found.Tags, REGION_TAG),
    trust: decode(found.AssumeRolePolicyDocument),
    policy: decode(policy?.PolicyDocument),
  };
}

async function lookAtProfile(client: IAMClient, site: string): Promise<RoleSeen["profile"]> {
  const found = await client
    .send(new GetInstanceProfileCommand({ InstanceProfileName: resourceName(site) }))
    .catch(ignoring(GONE));
  if (found?.InstanceProfile === undefined) return undefined;
  return { roles: (found.InstanceProfile.Roles ?? []).map((r) => r.RoleName ?? "") };
}

/** IAM returns policy documents percent-encoded. */
export function decode(document: string | undefined): unknown {
  if (document === undefined) return undefined;
  try {
    return JSON.parse(decodeURIComponent(document));
  } catch {
    return document;
  }
}
