import {
  DeleteBucketLifecycleCommand,
  DeleteBucketPolicyCommand,
  DeleteBucketTaggingCommand,
  DeletePublicAccessBlockCommand,
  GetBucketEncryptionCommand,
  GetBucketLifecycleConfigurationCommand,
  GetBucketOwnershipControlsCommand,
  GetBucketPolicyCommand,
  GetBucketTaggingCommand,
  GetBucketVersioningCommand,
  GetPublicAccessBlockCommand,
  type LifecycleRule,
  PutBucketEncryptionCommand,
  PutBucketLifecycleConfigurationCommand,
  PutBucketOwnershipControlsCommand,
  PutBucketPolicyCommand,
  PutBucketTaggingCommand,
  PutPublicAccessBlockCommand,
} from "@aws-sdk/client-s3";
import { afterEach, beforeEach, expect, test } from "vitest";
import { failure, type Local, setVersioning, startLocal } from "./local.ts";

let local: Local;
beforeEach(async () => {
  local = await startLocal();
  await local.makeBucket();
});
afterEach(async () => {
  expect(local.server.faults).toEqual([]);
  await local.stop();
});

const Bucket = "box";

test("versioning", async () => {
  const status = async () => (await local.client.send(new GetBucketVersioningCommand({ Bucket }))).Status;
  expect(await status()).toBeUndefined();
  await setVersioning(local.client, "Enabled");
  expect(await status()).toBe("Enabled");
});

test("a new bucket is encrypted, private and without ACLs", async () => {
  const encryption = await local.client.send(new GetBucketEncryptionCommand({ Bucket }));
  expect(encryption.ServerSideEncryptionConfiguration?.Rules).toEqual([
    { ApplyServerSideEncryptionByDefault: { SSEAlgorithm: "AES256" }, BucketKeyEnabled: false },
  ]);
  const access = await local.client.send(new GetPublicAccessBlockCommand({ Bucket }));
  expect(Object.values(access.PublicAccessBlockConfiguration ?? {})).toEqual([true, true, true, true]);
  const ownership = await local.client.send(new GetBucketOwnershipControlsCommand({ Bucket }));
  expect(ownership.OwnershipControls?.Rules).toEqual([{ ObjectOwnership: "BucketOwnerEnforced" }]);
});

test("encryption, public access and ownership are shown as set", async () => {
  const Rules = [
    { ApplyServerSideEncryptionByDefault: { SSEAlgorithm: "AES256" as const }, BucketKeyEnabled: true },
  ];
  await local.client.send(
    new PutBucketEncryptionCommand({ Bucket, ServerSideEncryptionConfiguration: { Rules } }),
  );
  const encryption = await local.client.send(new GetBucketEncryptionCommand({ Bucket }));
  expect(encryption.ServerSideEncryptionConfiguration?.Rules).toEqual(Rules);

  const PublicAccessBlockConfiguration = { BlockPublicAcls: true };
  await local.client.send(new PutPublicAccessBlockCommand({ Bucket, PublicAccessBlockConfiguration }));
  const access = await local.client.send(new GetPublicAccessBlockCommand({ Bucket }));
  expect(access.PublicAccessBlockConfiguration).toMatchObject({
    BlockPublicAcls: true,
    BlockPublicPolicy: false,
  });
  await local.client.send(new DeletePublicAccessBlockCommand({ Bucket }));
  await expect(local.client.send(new GetPublicAccessBlockCommand({ Bucket }))).rejects.toMatchObject(
    failure("NoSuchPublicAccessBlockConfiguration", 404),
  );

  const OwnershipControls = { Rules: [{ ObjectOwnership: "BucketOwnerPreferred" as const }] };
  await local.client.send(new PutBucketOwnershipControlsCommand({ Bucket, OwnershipControls }));
  const ownership = await local.client.send(new GetBucketOwnershipControlsCommand({ Bucket }));
  expect(ownership.OwnershipControls).toEqual(OwnershipControls);
});

test("a policy is kept to the letter and checked for form", async () => {
  const get = () => local.client.send(new GetBucketPolicyCommand({ Bucket }));
  const put = (Policy: string) => local.client.send(new PutBucketPolicyCommand({ Bucket, Policy }));
  await expect(get()).rejects.toMatchObject(failure("NoSuchBucketPolicy", 404));
  const Statement = { Effect: "Deny", Principal: "*", Action: "s3:*", Resource: "arn:aws:s3:::box/*" };
  const Policy = JSON.stringify({ Version: "2012-10-17", Statement: [Statement] }, null, 2);
  await put(Policy);
  expect((await get()).Policy).toBe(Policy);
  for (const wrong of [
    "",
    "{",
    "{}",
    JSON.stringify({ Version: "2012-10-17", Statement: [{ Effect: "Deny" }] }),
  ]) {
    await expect(put(wrong)).rejects.toMatchObject(failure("MalformedPolicy", 400));
  }
  await local.client.send(new DeleteBucketPolicyCommand({ Bucket }));
  await expect(get()).rejects.toMatchObject(failure("NoSuchBucketPolicy", 404));
});

test("tags replace the ones before", async () => {
  const get = () => local.client.send(new GetBucketTaggingCommand({ Bucket }));
  const put = (...keys: string[]) =>
    local.client.send(
      new PutBucketTaggingCommand({ Bucket, Tagging: { TagSet: keys.map((Key) => ({ Key, Value: "1" })) } }),
    );
  await expect(get()).rejects.toMatchObject(failure("NoSuchTagSet", 404));
  await put("a", "b");
  await put("everspot:site");
  expect((await get()).TagSet).toEqual([{ Key: "everspot:site", Value: "1" }]);
  await expect(put("x", "x")).rejects.toMatchObject(failure("InvalidTag", 400));
  await expect(put("aws:x")).rejects.toMatchObject(failure("InvalidTag", 400));
  await local.client.send(new DeleteBucketTaggingCommand({ Bucket }));
  await expect(get()).rejects.toMatchObject(failure("NoSuchTagSet", 404));
});

test("lifecycle rules get an id, and are checked", async () => {
  const get = () => local.client.send(new GetBucketLifecycleConfigurationCommand({ Bucket }));
  const put = (...Rules: LifecycleRule[]) =>
    local.client.send(
      new PutBucketLifecycleConfigurationCommand({ Bucket, LifecycleConfiguration: { Rules } }),
    );
  const missing = failure("NoSuchLifecycleConfiguration", 404);
  await expect(get()).rejects.toMatchObject(missing);
  const rule: LifecycleRule = { Status: "Enabled", Filter: { Prefix: "boots/" }, Expiration: { Days: 30 } };
  await put({ ...rule, ID: "boots" }, { ...rule, Filter: { Prefix: "x/" } });
  const { Rules = [] } = await get();
  expect(Rules[0]).toEqual({ ...rule, ID: "boots" });
  expect(Rules[1]?.ID).toMatch(/./);
  await expect(put({ ...rule, ID: "a" }, { ...rule, ID: "a" })).rejects.toMatchObject(
    failure("InvalidArgument", 400),
  );
  await expect(put({ ...rule, Expiration: { Days: 0 } })).rejects.toMatchObject(
    failure("InvalidArgument", 400),
  );
  await expect(put({ Status: "Enabled", Filter: {} })).rejects.toMatchObject(failure("InvalidRequest", 400));
  await expect(put({ Status: "Enabled", Expiration: { Days: 1 } })).rejects.toMatchObject(
    failure("MalformedXML", 400),
  );
  await local.client.send(new DeleteBucketLifecycleCommand({ Bucket }));
  await expect(get()).rejects.toMatchObject(missing);
});
