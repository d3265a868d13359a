import {
  CopyObjectCommand,
  CreateBucketCommand,
  CreateMultipartUploadCommand,
  DeleteObjectCommand,
  GetObjectCommand,
  PutBucketPolicyCommand,
  PutObjectCommand,
  S3Client,
} from "@aws-sdk/client-s3";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { parseConfig } from "../../../provisioner/config/load.ts";
import { bucketPolicy } from "../../../provisioner/wanted/bucket-rules.ts";
import { instancePolicy, instanceTrust } from "../../../provisioner/wanted/instance-policy.ts";
import { type Cloud, startCloud } from "../../cloud/cloud.ts";
import { ADMIN } from "../../cloud/iam/iam.ts";
import { MINIMAL } from "../site.ts";

const Bucket = "everspot-blog-123456789012-us-east-1";
const clients: S3Client[] = [];
let cloud: Cloud;
let owner: S3Client;
let instance: S3Client;

beforeAll(async () => {
  cloud = await startCloud();
  const as = (credentials: { accessKeyId: string; secretAccessKey: string; sessionToken?: string }) => {
    const client = new S3Client({
      endpoint: cloud.endpoint,
      region: "us-east-1",
      credentials,
      maxAttempts: 1,
    });
    clients.push(client);
    return client;
  };
  owner = as(ADMIN);
  await owner.send(new CreateBucketCommand({ Bucket }));
  await owner.send(
    new PutBucketPolicyCommand({ Bucket, Policy: JSON.stringify(bucketPolicy(Bucket, "aws")) }),
  );
  const where = { account: "123456789012", partition: "aws", hostedZone: "Z1", baked: false };
  const policy = instancePolicy(
    parseConfig(`${MINIMAL}\n[state]\ndatabase = "db.sqlite3"\n`, "everspot.toml"),
    where,
  );
  instance = as(await credentialsOf(cloud, "everspot-blog", policy));
});
afterAll(async () => {
  for (const client of clients) client.destroy();
  await cloud.close();
});

/** Of a role with a policy, as an instance gets them. */
async function credentialsOf(of: Cloud, RoleName: string, policy: unknown) {
  const iam = await import("@aws-sdk/client-iam");
  const client = new iam.IAMClient({ endpoint: of.endpoint, region: "us-east-1", credentials: ADMIN });
  await client.send(
    new iam.CreateRoleCommand({ RoleName, AssumeRolePolicyDocument: JSON.stringify(instanceTrust) }),
  );
  await client.send(
    new iam.PutRolePolicyCommand({ RoleName, PolicyName: "p", PolicyDocument: JSON.stringify(policy) }),
  );
  await client.send(new iam.CreateInstanceProfileCommand({ InstanceProfileName: RoleName }));
  await client.send(new iam.AddRoleToInstanceProfileCommand({ InstanceProfileName: RoleName, RoleName }));
  client.destroy();
  const profile = of.iam.instances.find(RoleName) ?? expect.fail("no instance profile");
  return (await of.iam.instances.credentials(profile, "i-1")) ?? expect.fail("no credentials");
}

const refused = (call: Promise<unknown>) => expect(call).rejects.toHaveProperty("name", "AccessDenied");
const put = (client: S3Client, Key: string, IfNoneMatch?: string) =>
  client.send(new PutObjectCommand({ Bucket, Key, Body: "x", ...(IfNoneMatch && { IfNoneMatch }) }));

describe.each<[string, () => S3Client]>([
  ["the operator", () => owner],
  ["the instance", () => instance],
])("in the state's log %s", (who, client) => {
  const key = `state/log/${who === "the operator" ? "000000000001" : "000000000002"}`;

  test("writes an entry where there is none, and never over one", async () => {
    await put(client(), key, "*");
    await expect(put(client(), key, "*")).rejects.toHaveProperty("name", "PreconditionFailed");
  });
  test("is refused to write without saying so, whatever is there", async () => {
    await put(client(), key, "*").catch(() => undefined);
    await refused(put(client(), key));
    await refused(put(client(), "state/log/000000000099"));
  });
  test("is refused to write by other ways", async () => {
    await put(client(), "state/base/000000000001.json");
    const Key = "state/log/000000000098";
    await refused(
      client().send(
        new CopyObjectCommand({ Bucket, Key, CopySource: `${Bucket}/state/base/000000000001.json` }),
      ),
    );
    await refused(client().send(new CreateMultipartUploadCommand({ Bucket, Key })));
  });
});

test("elsewhere below state/ nothing is asked of a write", async () => {
  await put(instance, `state/chunks/${"a".repeat(64)}`);
  await put(owner, "site.json");
});

test("an instance deletes of its state what it makes needless, but no upload, and nothing else", async () => {
  const remove = (Key: string) => instance.send(new DeleteObjectCommand({ Bucket, Key }));
  for (const key of [
    "state/log/000000000009",
    "state/base/000000000001.json",
    `state/chunks/${"a".repeat(64)}`,
  ]) {
    await remove(key);
  }
  await put(instance, "state/media/x");
  await refused(remove("state/media/x"));
  await refused(remove("site.json"));
});

test("an instance of a site without state has nothing to do with it", async () => {
  const where = { account: "123456789012", partition: "aws", hostedZone: "Z1", baked: false };
  const credentials = await credentialsOf(
    cloud,
    "everspot-plain",
    instancePolicy(parseConfig(MINIMAL, "everspot.toml"), where),
  );
  const plain = new S3Client({ endpoint: cloud.endpoint, region: "us-east-1", credentials, maxAttempts: 1 });
  clients.push(plain);
  await refused(put(plain, "state/log/000000000050", "*"));
  await refused(plain.send(new GetObjectCommand({ Bucket, Key: "state/log/000000000001" })));
});
