import {
  AddRoleToInstanceProfileCommand,
  AttachRolePolicyCommand,
  CreateInstanceProfileCommand,
  CreateOpenIDConnectProviderCommand,
  CreatePolicyCommand,
  CreateRoleCommand,
  CreateServiceLinkedRoleCommand,
  DeleteInstanceProfileCommand,
  DeleteOpenIDConnectProviderCommand,
  DeletePolicyCommand,
  DeleteRoleCommand,
  DeleteRolePolicyCommand,
  DetachRolePolicyCommand,
  GetInstanceProfileCommand,
  GetOpenIDConnectProviderCommand,
  GetRoleCommand,
  GetRolePolicyCommand,
  IAMClient,
  ListAttachedRolePoliciesCommand,
  ListInstanceProfilesForRoleCommand,
  ListOpenIDConnectProvidersCommand,
  ListRolePoliciesCommand,
  ListRolesCommand,
  ListRoleTagsCommand,
  PutRolePolicyCommand,
  paginateListRoles,
  RemoveRoleFromInstanceProfileCommand,
  TagRoleCommand,
  UntagRoleCommand,
  UpdateAssumeRolePolicyCommand,
} from "@aws-sdk/client-iam";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { Iam } from "./iam/iam.ts";
import { ManualClock } from "./manual-clock.ts";
import { WireServer } from "./wire/server.ts";

const ACCOUNT = "123456789012";
const TRUST = JSON.stringify({
  Version: "2012-10-17",
  Statement: [{ Effect: "Allow", Principal: { Service: "ec2.amazonaws.com" }, Action: "sts:AssumeRole" }],
});
const POLICY = JSON.stringify({
  Version: "2012-10-17",
  Statement: [{ Effect: "Allow", Action: "s3:GetObject", Resource: "arn:aws:s3:::b/*" }],
});
const RoleName = "everspot-shop";
const InstanceProfileName = RoleName;

let wire: WireServer;
let iam: Iam;
let client: IAMClient;

beforeEach(async () => {
  wire = new WireServer({ secretOf: (key) => iam.secretOf(key) });
  const lookups = { tagsOf: () => undefined, launchTemplate: () => undefined, bucketPolicy: () => undefined };
  iam = new Iam(wire, { account: ACCOUNT, region: "us-east-1", clock: new ManualClock(), lookups });
  await wire.start();
  client = new IAMClient({ endpoint: wire.endpoint, maxAttempts: 1 });
});
afterEach(async () => {
  client.destroy();
  await wire.stop();
  expect(wire.faults).toEqual([]);
});

const createRole = (more: object = {}) =>
  client.send(new CreateRoleCommand({ RoleName, AssumeRolePolicyDocument: TRUST, ...more }));
const fails = (name: string, httpStatusCode: number) => ({ name, $metadata: { httpStatusCode } });

describe("roles", () => {
  test("come back as they were made, the document URL-encoded", async () => {
    await createRole({ Description: "d", Tags: [{ Key: "everspot:site", Value: "shop" }] });
    const { Role } = await client.send(new GetRoleCommand({ RoleName }));
    expect(Role).toMatchObject({
      Arn: `arn:aws:iam::${ACCOUNT}:role/${RoleName}`,
      RoleId: expect.stringMatching(/^AROA[A-Z2-7]{17}$/),
      Path: "/",
      Description: "d",
      MaxSessionDuration: 3600,
      Tags: [{ Key: "everspot:site", Value: "shop" }],
    });
    expect(Role?.AssumeRolePolicyDocument).toMatch(/^%7B%22/);
    expect(decodeURIComponent(Role?.AssumeRolePolicyDocument ?? "")).toBe(TRUST);
  });

  test("exist once, whatever the case; missing ones are NoSuchEntity", async () => {
    await createRole();
    await expect(createRole()).rejects.toMatchObject(fails("EntityAlreadyExistsException", 409));
    await expect(createRole({ RoleName: "EVERSPOT-shop" })).rejects.toMatchObject(
      fails("EntityAlreadyExistsException", 409),
    );
    await expect(client.send(new GetRoleCommand({ RoleName: "none" }))).rejects.toMatchObject({
      ...fails("NoSuchEntityException", 404),
      message: "The role with name none cannot be found.",
    });
  });

  test.each<[object, string]>([
    [{ RoleName: "a b" }, "ValidationError"],
    [{ RoleName: "x".repeat(65) }, "ValidationError"],
    [{ AssumeRolePolicyDocument: "{" }, "MalformedPolicyDocumentException"],
    [{ AssumeRolePolicyDocument: POLICY }, "MalformedPolicyDocumentException"],
    [{ MaxSessionDuration: 60 }, "ValidationError"],
  ])("%j is refused: %s", async (more, name) => {
    await expect(createRole(more)).rejects.toMatchObject({ name });
  });

  test("are not deleted while something hangs on them", async () => {
    await createRole();
    await client.send(new PutRolePolicyCommand({ RoleName, PolicyName: "p", PolicyDocument: POLICY }));
    await client.send(
      new AttachRolePolicyCommand({ RoleName, PolicyArn: "arn:aws:iam::aws:policy/ReadOnlyAccess" }),
    );
    await client.send(new CreateInstanceProfileCommand({ InstanceProfileName }));
    await client.send(new AddRoleToInstanceProfileCommand({ RoleName, InstanceProfileName }));
    const remove = () => client.send(new DeleteRoleCommand({ RoleName }));
    await expect(remove()).rejects.toThrow("must remove roles from instance profile first");
    await expect(
      client.send(new DeleteInstanceProfileCommand({ InstanceProfileName })),
    ).rejects.toMatchObject(fails("DeleteConflictException", 409));
    await client.send(new RemoveRoleFromInstanceProfileCommand({ RoleName, InstanceProfileName }));
    await expect(remove()).rejects.toThrow("must delete policies first");
    await client.send(new DeleteRolePolicyCommand({ RoleName, PolicyName: "p" }));
    await expect(remove()).rejects.toThrow("must detach all policies first");
    await client.send(
      new DetachRolePolicyCommand({ RoleName, PolicyArn: "arn:aws:iam::aws:policy/ReadOnlyAccess" }),
    );
    await remove();
    await client.send(new DeleteInstanceProfileCommand({ InstanceProfileName }));
    await expect(remove()).rejects.toMatchObject(fails("NoSuchEntityException", 404));
  });

  test("are listed by pages, without their tags", async () => {
    const names = ["a", "b", "c", "d", "e"];
    for (const name of names) await createRole({ RoleName: name, Tags: [{ Key: "k", Value: "v" }] });
    const first = await client.send(new ListRolesCommand({ MaxItems: 2 }));
    expect(first).toMatchObject({ IsTruncated: true, Marker: expect.any(String) });
    expect(first.Roles?.[0]?.Tags).toBeUndefined();
    const seen: (string | undefined)[] = [];
    for await (const page of paginateListRoles({ client, pageSize: 2 }, {}))
      seen.push(...(page.Roles ?? []).map((r) => r.RoleName));
    expect(seen).toEqual(names);
  });

  test("change their trust and their tags", async () => {
    await createRole();
    const other = TRUST.replace("ec2.amazonaws.com", "lambda.amazonaws.com");
    await client.send(new UpdateAssumeRolePolicyCommand({ RoleName, PolicyDocument: other }));
    const { Role } = await client.send(new GetRoleCommand({ RoleName }));
    expect(decodeURIComponent(Role?.AssumeRolePolicyDocument ?? "")).toBe(other);
    await client.send(
      new TagRoleCommand({
        RoleName,
        Tags: [
          { Key: "a", Value: "1" },
          { Key: "b", Value: "2" },
        ],
      }),
    );
    await client.send(new UntagRoleCommand({ RoleName, TagKeys: ["a"] }));
    expect((await client.send(new ListRoleTagsCommand({ RoleName }))).Tags).toEqual([
      { Key: "b", Value: "2" },
    ]);
  });
});

describe("policies of a role", () => {
  beforeEach(() => createRole());
  const put = (PolicyName: string, PolicyDocument = POLICY) =>
    client.send(new PutRolePolicyCommand({ RoleName, PolicyName, PolicyDocument }));

  test("inline: put, get, list, delete", async () => {
    await put("b");
    await put("a");
    const found = await client.send(new GetRolePolicyCommand({ RoleName, PolicyName: "a" }));
    expect(decodeURIComponent(found.PolicyDocument ?? "")).toBe(POLICY);
    expect((await client.send(new ListRolePoliciesCommand({ RoleName }))).PolicyNames).toEqual(["a", "b"]);
    await client.send(new DeleteRolePolicyCommand({ RoleName, PolicyName: "a" }));
    await expect(client.send(new GetRolePolicyCommand({ RoleName, PolicyName: "a" }))).rejects.toMatchObject(
      fails("NoSuchEntityException", 404),
    );
    await expect(put("c", TRUST)).rejects.toMatchObject(fails("MalformedPolicyDocumentException", 400));
  });

  test("inline: no more than 10,240 characters together, white space not counted", async () => {
    const sized = (n: number) => POLICY.replace("b/*", `b/${"x".repeat(n)}`);
    await put("a", `${sized(6000)}${" ".repeat(20_000)}`);
    await expect(put("b", sized(6000))).rejects.toMatchObject(fails("LimitExceededException", 409));
    await put("a", sized(9000));
  });

  test("managed: one's own exists before it is attached, and stays while it is", async () => {
    const made = await client.send(new CreatePolicyCommand({ PolicyName: "own", PolicyDocument: POLICY }));
    const PolicyArn = made.Policy?.Arn ?? "";
    await client.send(new AttachRolePolicyCommand({ RoleName, PolicyArn }));
    const { AttachedPolicies } = await client.send(new ListAttachedRolePoliciesCommand({ RoleName }));
    expect(AttachedPolicies).toEqual([{ PolicyName: "own", PolicyArn }]);
    await expect(client.send(new DeletePolicyCommand({ PolicyArn }))).rejects.toMatchObject(
      fails("DeleteConflictException", 409),
    );
    await client.send(new DetachRolePolicyCommand({ RoleName, PolicyArn }));
    await client.send(new DeletePolicyCommand({ PolicyArn }));
    await expect(client.send(new AttachRolePolicyCommand({ RoleName, PolicyArn }))).rejects.toMatchObject(
      fails("NoSuchEntityException", 404),
    );
  });
});

test("an instance profile holds one role, and knows it", async () => {
  await createRole();
  await createRole({ RoleName: "other" });
  await client.send(new CreateInstanceProfileCommand({ InstanceProfileName }));
  await expect(client.send(new CreateInstanceProfileCommand({ InstanceProfileName }))).rejects.toMatchObject(
    fails("EntityAlreadyExistsException", 409),
  );
  await client.send(new AddRoleToInstanceProfileCommand({ InstanceProfileName, RoleName }));
  const again = (name: string) =>
    client.send(new AddRoleToInstanceProfileCommand({ InstanceProfileName, RoleName: name }));
  await expect(again("other")).rejects.toMatchObject(fails("LimitExceededException", 409));
  const { InstanceProfile } = await client.send(new GetInstanceProfileCommand({ InstanceProfileName }));
  expect(InstanceProfile).toMatchObject({
    Arn: `arn:aws:iam::${ACCOUNT}:instance-profile/${InstanceProfileName}`,
    Roles: [{ RoleName }],
  });
  const { InstanceProfiles } = await client.send(new ListInstanceProfilesForRoleCommand({ RoleName }));
  expect(InstanceProfiles).toHaveLength(1);
  expect(iam.instances.find(InstanceProfileName)).toMatchObject({ roleName: RoleName });
  expect(iam.instances.find(InstanceProfile?.Arn ?? "")).toMatchObject({ roleName: RoleName });
});

describe("service-linked roles", () => {
  test.each([
    ["spot.amazonaws.com", "AWSServiceRoleForEC2Spot"],
    ["ec2fleet.amazonaws.com", "AWSServiceRoleForEC2Fleet"],
  ])("of %s are made once and belong to it", async (AWSServiceName, name) => {
    expect(iam.instances.hasServiceLinkedRole(AWSServiceName)).toBe(false);
    const { Role } = await client.send(new CreateServiceLinkedRoleCommand({ AWSServiceName }));
    expect(Role?.Arn).toBe(`arn:aws:iam::${ACCOUNT}:role/aws-service-role/${AWSServiceName}/${name}`);
    expect(iam.instances.hasServiceLinkedRole(AWSServiceName)).toBe(true);
    await expect(client.send(new CreateServiceLinkedRoleCommand({ AWSServiceName }))).rejects.toMatchObject({
      ...fails("InvalidInputException", 400),
      message: `Service role name ${name} has been taken in this account, please try a different suffix.`,
    });
    expect((await client.send(new GetRoleCommand({ RoleName: name }))).Role?.RoleName).toBe(name);
    await expect(client.send(new DeleteRoleCommand({ RoleName: name }))).rejects.toMatchObject(
      fails("UnmodifiableEntityException", 400),
    );
  });
});

describe("OIDC providers", () => {
  const Url = "https://token.actions.githubusercontent.com";
  const create = (more: object = {}) =>
    client.send(
      new CreateOpenIDConnectProviderCommand({ Url, ClientIDList: ["sts.amazonaws.com"], ...more }),
    );

  test("are made once per issuer, found, listed and deleted", async () => {
    const { OpenIDConnectProviderArn } = await create({ Tags: [{ Key: "k", Value: "v" }] });
    expect(OpenIDConnectProviderArn).toBe(
      `arn:aws:iam::${ACCOUNT}:oidc-provider/token.actions.githubusercontent.com`,
    );
    await expect(create()).rejects.toMatchObject(fails("EntityAlreadyExistsException", 409));
    const found = await client.send(new GetOpenIDConnectProviderCommand({ OpenIDConnectProviderArn }));
    expect(found).toMatchObject({
      Url: "token.actions.githubusercontent.com",
      ClientIDList: ["sts.amazonaws.com"],
      Tags: [{ Key: "k", Value: "v" }],
    });
    const { OpenIDConnectProviderList } = await client.send(new ListOpenIDConnectProvidersCommand({}));
    expect(OpenIDConnectProviderList).toEqual([{ Arn: OpenIDConnectProviderArn }]);
    await client.send(new DeleteOpenIDConnectProviderCommand({ OpenIDConnectProviderArn }));
    await expect(
      client.send(new GetOpenIDConnectProviderCommand({ OpenIDConnectProviderArn })),
    ).rejects.toMatchObject(fails("NoSuchEntityException", 404));
  });

  test.each([{ Url: "http://issuer.example" }, { Url: "issuer.example" }, { ThumbprintList: ["xyz"] }])(
    "refused: %j",
    async (more) => {
      await expect(create(more)).rejects.toMatchObject({ name: "ValidationError" });
    },
  );
});
