import type * as IAM from "@aws-sdk/client-iam";
import { serviceLinkedRole, servicePath } from "../service-linked.ts";
import { type Check, check, type Mapping, requestTags, resourceTags, type World } from "./check.ts";

type Kind = "role" | "instance-profile" | "policy" | "oidc-provider";
type Tags = IAM.Tag[] | undefined;

const arnOf = (world: World, kind: Kind, name: string): string =>
  `arn:aws:iam::${world.account}:${kind}/${name}`;

function on(world: World, action: string, arn: string, tags?: Tags): Check {
  return check(`iam:${action}`, arn, { ...resourceTags(world, arn, "iam"), ...requestTags(tags) });
}

interface Named {
  RoleName?: string | undefined;
  InstanceProfileName?: string | undefined;
  OpenIDConnectProviderArn?: string | undefined;
  PolicyArn?: string | undefined;
  Path?: string | undefined;
  Tags?: Tags;
  TagKeys?: string[] | undefined;
}

const nameIn = (input: Named, key: "RoleName" | "InstanceProfileName"): string =>
  `${(input.Path ?? "/").slice(1)}${input[key] ?? ""}`;

const role =
  (action: string) =>
  (input: Named, world: World): Check[] => [
    withKeys(on(world, action, arnOf(world, "role", nameIn(input, "RoleName")), input.Tags), input),
  ];
const profile =
  (action: string) =>
  (input: Named, world: World): Check[] => [
    withKeys(
      on(world, action, arnOf(world, "instance-profile", nameIn(input, "InstanceProfileName")), input.Tags),
      input,
    ),
  ];
const provider =
  (action: string) =>
  (input: Named, world: World): Check[] => [
    withKeys(on(world, action, input.OpenIDConnectProviderArn ?? "", input.Tags), input),
  ];
const policy =
  (action: string) =>
  (input: Named, world: World): Check[] => [on(world, action, input.PolicyArn ?? "", input.Tags)];

function withKeys(c: Check, input: Named): Check {
  return {
    ...c,
    context: {
      ...c.context,
      ...(input.PolicyArn === undefined ? {} : { "iam:PolicyARN": input.PolicyArn }),
      ...(input.TagKeys === undefined ? {} : { "aws:TagKeys": input.TagKeys }),
    },
  };
}

/** Tags given on creation need the permission to tag too. */
const tagging =
  (create: (input: Named, world: World) => Check[], tag: (input: Named, world: World) => Check[]) =>
  (input: Named, world: World): Check[] => [
    ...create(input, world),
    ...((input.Tags ?? []).length === 0 ? [] : tag(input, world)),
  ];

const newProvider = (action: string) => (input: Named & { Url?: string }, world: World) =>
  provider(action)(
    {
      ...input,
      OpenIDConnectProviderArn: arnOf(world, "oidc-provider", (input.Url ?? "").replace(/^https?:\/\//, "")),
    },
    world,
  );

const byName = (actions: readonly string[], make: (action: string) => Mapping[string]): Mapping =>
  Object.fromEntries(actions.map((action) => [action, make(action)]));

/** Service Authorization Reference, "AWS Identity and Access Management". */
export const iam: Mapping = {
  ...byName(
    ["DeleteRole", "UpdateRole", "UpdateAssumeRolePolicy", "TagRole", "UntagRole", "ListRoleTags"],
    role,
  ),
  ...byName(["PutRolePolicy", "GetRolePolicy", "DeleteRolePolicy", "ListRolePolicies"], role),
  ...byName(["AttachRolePolicy", "DetachRolePolicy", "ListAttachedRolePolicies"], role),
  ...byName(["ListInstanceProfilesForRole", "DeleteServiceLinkedRole"], role),
  // Whether IAM knows the path of a service-linked role when it decides is not documented: a policy covers both forms.
  GetRole: (input: Named, world) =>
    /^AWSServiceRoleFor/.test(input.RoleName ?? "")
      ? [input.RoleName ?? "", servicePath(input.RoleName ?? "")].map((name) =>
          on(world, "GetRole", arnOf(world, "role", name)),
        )
      : role("GetRole")(input, world),
  CreateRole: tagging(role("CreateRole"), role("TagRole")),
  ...byName(["GetInstanceProfile", "DeleteInstanceProfile", "RemoveRoleFromInstanceProfile"], profile),
  ...byName(["TagInstanceProfile", "UntagInstanceProfile", "ListInstanceProfileTags"], profile),
  CreateInstanceProfile: tagging(profile("CreateInstanceProfile"), profile("TagInstanceProfile")),
  AddRoleToInstanceProfile: (input: IAM.AddRoleToInstanceProfileCommandInput, world) => [
    on(world, "AddRoleToInstanceProfile", arnOf(world, "instance-profile", input.InstanceProfileName ?? "")),
    on(world, "PassRole", arnOf(world, "role", input.RoleName ?? "")),
  ],
  CreateServiceLinkedRole: (input: IAM.CreateServiceLinkedRoleCommandInput, world) => {
    const service = input.AWSServiceName ?? "";
    const name = `aws-service-role/${service}/${serviceLinkedRole(service)?.name ?? "*"}`;
    return [
      check("iam:CreateServiceLinkedRole", arnOf(world, "role", name), { "iam:AWSServiceName": service }),
    ];
  },
  ...byName(["GetOpenIDConnectProvider", "DeleteOpenIDConnectProvider"], provider),
  ...byName(["AddClientIDToOpenIDConnectProvider", "RemoveClientIDFromOpenIDConnectProvider"], provider),
  ...byName(["UpdateOpenIDConnectProviderThumbprint", "TagOpenIDConnectProvider"], provider),
  ...byName(["UntagOpenIDConnectProvider", "ListOpenIDConnectProviderTags"], provider),
  CreateOpenIDConnectProvider: tagging(
    newProvider("CreateOpenIDConnectProvider"),
    newProvider("TagOpenIDConnectProvider"),
  ),
  ...byName(["GetPolicy", "GetPolicyVersion", "DeletePolicy", "ListPolicyVersions"], policy),
  CreatePolicy: (input: IAM.CreatePolicyCommandInput, world) => [
    on(
      world,
      "CreatePolicy",
      arnOf(world, "policy", `${(input.Path ?? "/").slice(1)}${input.PolicyName ?? ""}`),
    ),
  ],
  ...byName(["ListPolicies", "ListOpenIDConnectProviders"], (action) => () => [check(`iam:${action}`, "*")]),
  SimulatePrincipalPolicy: (input: IAM.SimulatePrincipalPolicyCommandInput, world) => [
    check(
      "iam:SimulatePrincipalPolicy",
      input.PolicySourceArn ?? "*",
      resourceTags(world, input.PolicySourceArn ?? "*", "iam"),
    ),
  ],
  ListRoles: (input: IAM.ListRolesCommandInput, world) => [
    check("iam:ListRoles", arnOf(world, "role", (input.PathPrefix ?? "/").slice(1))),
  ],
  ListInstanceProfiles: (input: IAM.ListInstanceProfilesCommandInput, world) => [
    check("iam:ListInstanceProfiles", arnOf(world, "instance-profile", (input.PathPrefix ?? "/").slice(1))),
  ],
};
