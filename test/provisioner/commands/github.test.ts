import * as ec2 from "@aws-sdk/client-ec2";
import * as iam from "@aws-sdk/client-iam";
import * as s3 from "@aws-sdk/client-s3";
import * as ssm from "@aws-sdk/client-ssm";
import { AssumeRoleWithWebIdentityCommand, STSClient } from "@aws-sdk/client-sts";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { runDown } from "../../../provisioner/commands/down.ts";
import { runGithub } from "../../../provisioner/commands/github.ts";
import { runUp } from "../../../provisioner/commands/up.ts";
import { GITHUB, type GithubTokens, startGithubTokens } from "../deploy/github-tokens.ts";
import { type Desk, openDesk } from "../site.ts";

const repo = "ann/blog";
const oldForm = { sub: "repo:ann/blog:ref:refs/heads/main", repository: "ann/blog" };
const newForm = { sub: "repo:ann@101/blog@202:ref:refs/heads/main", repository: "ann/blog" };
const role = "arn:aws:iam::123456789012:role/everspot-blog-deploy";

let desk: Desk;
let github: GithubTokens;
beforeAll(async () => {
  github = await startGithubTokens(oldForm);
  desk = await openDesk({ cloud: { oidcKeys: { [GITHUB]: github.jwks }, zones: ["us-east-1a"] } });
  await runUp(desk.config, desk.tools, { refreshImage: false, wait: false, timeout: 1 });
  await runGithub(desk.config, desk.tools, { repo, withAgent: false });
});
afterAll(async () => {
  await desk.close();
  await github.close();
});

async function assume(claims: Record<string, string>, audience?: string) {
  github.claims = claims;
  const sts = new STSClient({ region: "us-east-1", endpoint: desk.cloud.endpoint, maxAttempts: 1 });
  const answer = await sts.send(
    new AssumeRoleWithWebIdentityCommand({
      ...{ RoleArn: role, RoleSessionName: "test", WebIdentityToken: github.token(audience) },
    }),
  );
  const { AccessKeyId = "", SecretAccessKey = "", SessionToken = "" } = answer.Credentials ?? {};
  const credentials = {
    accessKeyId: AccessKeyId,
    secretAccessKey: SecretAccessKey,
    sessionToken: SessionToken,
  };
  return { region: "us-east-1", endpoint: desk.cloud.endpoint, maxAttempts: 1, credentials };
}

test("makes the provider and the role, and nothing more when run again", async () => {
  expect(desk.json()).toMatchObject({ command: "github", role });
  const mark = desk.cloud.mark();
  await runGithub(desk.config, desk.tools, { repo, withAgent: false });
  expect(desk.cloud.writes(mark)).toEqual([]);
});

describe("who may use the role", () => {
  test.each([
    ["the old form of sub", oldForm],
    ["the form with ids", newForm],
  ])("the branch of the repository: %s", async (_, claims) => {
    await assume(claims);
  });

  test.each([
    ["another branch", { ...oldForm, sub: "repo:ann/blog:ref:refs/heads/other" }],
    ["another branch, with ids", { ...newForm, sub: "repo:ann@101/blog@202:ref:refs/heads/main2" }],
    ["a pull request", { ...oldForm, sub: "repo:ann/blog:pull_request" }],
    ["an environment", { ...oldForm, sub: "repo:ann/blog:environment:main" }],
    [
      "another repository of the owner",
      { sub: "repo:ann/blog2:ref:refs/heads/main", repository: "ann/blog2" },
    ],
    ["another owner", { sub: "repo:bob/blog:ref:refs/heads/main", repository: "bob/blog" }],
    [
      "a name that the wildcards would let in",
      { sub: "repo:ann@1/x/blog@2:ref:refs/heads/main", repository: "ann/x" },
    ],
  ])("not %s", async (_, claims) => {
    await expect(assume(claims)).rejects.toHaveProperty("name", "AccessDenied");
  });

  test("no token for another audience", async () => {
    await expect(assume(oldForm, "https://github.com/ann")).rejects.toHaveProperty(
      "name",
      expect.stringMatching(/InvalidIdentityToken/),
    );
  });

  test("with the ids given, no other repository of that name, nor an environment's branch", async () => {
    await runGithub(desk.config, desk.tools, { repo, withAgent: false, ownerId: "101", repoId: "202" });
    await assume(newForm);
    await expect(assume(oldForm)).rejects.toHaveProperty("name", "AccessDenied");
    const recycled = { ...newForm, sub: "repo:ann@999/blog@202:ref:refs/heads/main" };
    await expect(assume(recycled)).rejects.toHaveProperty("name", "AccessDenied");
    await runGithub(desk.config, desk.tools, { repo, withAgent: false, environment: "prod" });
    await assume({ ...newForm, sub: "repo:ann@101/blog@202:environment:prod" });
    await expect(assume(newForm)).rejects.toHaveProperty("name", "AccessDenied");
    await runGithub(desk.config, desk.tools, { repo, withAgent: false });
  });

  test.each([
    [{ repo: "blog" }, /OWNER\/NAME/],
    [{ repo, branch: "main", environment: "prod" }, /not both/],
    [{ repo, branch: "*" }, /does not name one/],
    [{ repo, ownerId: "1" }, /go together/],
  ])("%o is refused", async (options, message) => {
    await expect(runGithub(desk.config, desk.tools, { withAgent: false, ...options })).rejects.toMatchObject({
      ...{ exitCode: 2, message: expect.stringMatching(message) },
    });
  });
});

test("the role ends no other site's instance, reads no secret, writes no other object", async () => {
  const as = await assume(oldForm);
  const owner = new ec2.EC2Client({ region: "us-east-1", endpoint: desk.cloud.endpoint });
  const other = await owner.send(
    new ec2.RunInstancesCommand({
      ...{ ImageId: "ami-0deb13000000a0064", InstanceType: "t3.micro", MinCount: 1, MaxCount: 1 },
      TagSpecifications: [{ ResourceType: "instance", Tags: [{ Key: "everspot:site", Value: "other" }] }],
    }),
  );
  const denied = expect.stringMatching(/AccessDenied|UnauthorizedOperation/);
  const refused = (call: Promise<unknown>) => expect(call).rejects.toHaveProperty("name", denied);
  const InstanceIds = [other.Instances?.[0]?.InstanceId ?? ""];
  await refused(new ec2.EC2Client(as).send(new ec2.TerminateInstancesCommand({ InstanceIds })));
  const bucket = "everspot-blog-123456789012-us-east-1";
  const put = (Key: string) =>
    new s3.S3Client(as).send(new s3.PutObjectCommand({ Bucket: bucket, Key, Body: "x" }));
  await put("releases/r000009-00000000.zip");
  for (const key of ["site.json", "certificates/a/current.json", "boots/i-1.json"]) await refused(put(key));
  const Key = "certificates/a/current.json";
  await refused(new s3.S3Client(as).send(new s3.GetObjectCommand({ Bucket: bucket, Key })));
  await refused(
    new s3.S3Client(as).send(new s3.DeleteObjectCommand({ Bucket: bucket, Key: "channel.json" })),
  );
  await refused(
    new ssm.SSMClient(as).send(
      new ssm.GetParametersByPathCommand({ Path: "/everspot/blog", WithDecryption: true }),
    ),
  );
  await refused(
    new iam.IAMClient(as).send(
      new iam.PutRolePolicyCommand({
        ...{ RoleName: "everspot-blog-deploy", PolicyName: "everspot-blog-deploy", PolicyDocument: "{}" },
      }),
    ),
  );
  owner.destroy();
});

test("down takes the role away, and leaves the provider, which others may use", async () => {
  await runDown(desk.config, desk.tools, { deleteData: true });
  expect(desk.json()).toMatchObject({ leftovers: [] });
  const owner = new iam.IAMClient({ region: "us-east-1", endpoint: desk.cloud.endpoint });
  const { Roles } = await owner.send(new iam.ListRolesCommand({}));
  expect(Roles?.map((r) => r.RoleName)).not.toContain("everspot-blog-deploy");
  const { OpenIDConnectProviderList } = await owner.send(new iam.ListOpenIDConnectProvidersCommand({}));
  expect(OpenIDConnectProviderList).toHaveLength(1);
  owner.destroy();
});
