import {
  type BucketLocationConstraint,
  CreateBucketCommand,
  DeleteBucketCommand,
  DeleteObjectCommand,
  GetBucketLocationCommand,
  HeadBucketCommand,
  ListBucketsCommand,
  PutObjectCommand,
  S3Client,
} from "@aws-sdk/client-s3";
import { afterEach, beforeEach, expect, test } from "vitest";
import { failure, type Local, startLocal } from "./local.ts";

let local: Local;
beforeEach(async () => {
  local = await startLocal({ taken: ["theirs"] });
});
afterEach(async () => {
  expect(local.server.faults).toEqual([]);
  await local.stop();
});

const create = (Bucket: string) => local.client.send(new CreateBucketCommand({ Bucket }));

test("a bucket is made, found and listed", async () => {
  await expect(local.client.send(new HeadBucketCommand({ Bucket: "box" }))).rejects.toMatchObject(
    failure("NotFound", 404),
  );
  await create("box");
  await create("another");
  expect(await local.client.send(new HeadBucketCommand({ Bucket: "box" }))).toMatchObject({
    BucketRegion: "us-east-1",
  });
  const { Buckets } = await local.client.send(new ListBucketsCommand({}));
  expect(Buckets?.map((b) => b.Name)).toEqual(["another", "box"]);
  const first = await local.client.send(new ListBucketsCommand({ MaxBuckets: 1 }));
  expect(first.Buckets?.map((b) => b.Name)).toEqual(["another"]);
  const second = await local.client.send(
    new ListBucketsCommand({ ContinuationToken: first.ContinuationToken }),
  );
  expect(second.Buckets?.map((b) => b.Name)).toEqual(["box"]);
  expect(second.ContinuationToken).toBeUndefined();
});

test("one's own again is no error in us-east-1 and loses nothing", async () => {
  await local.makeBucket();
  await local.put("k", "x");
  await create("box");
  expect(local.s3.buckets.get("box")?.current("k")).toBeDefined();
});

test("someone else's name", async () => {
  await expect(create("theirs")).rejects.toMatchObject(failure("BucketAlreadyExists", 409));
});

test.each(["ab", "UPPER", "a..b", "-a-", "under_score", "192.168.0.1", "x".repeat(64), "xn--abc"])(
  "%s is no name",
  async (name) => {
    await expect(create(name)).rejects.toMatchObject(failure("InvalidBucketName", 400));
  },
);

test("a bucket of another region is made there, once, and answers only there", async () => {
  const there = new S3Client({ endpoint: local.server.endpoint, region: "eu-west-1", maxAttempts: 1 });
  const make = (LocationConstraint: BucketLocationConstraint) =>
    there.send(
      new CreateBucketCommand({ Bucket: "europe", CreateBucketConfiguration: { LocationConstraint } }),
    );
  const incompatible = failure("IllegalLocationConstraintException", 400);
  await expect(make("eu-north-1")).rejects.toMatchObject(incompatible);
  await make("eu-west-1");
  await expect(make("eu-west-1")).rejects.toMatchObject(failure("BucketAlreadyOwnedByYou", 409));
  const location = await there.send(new GetBucketLocationCommand({ Bucket: "europe" }));
  expect(location.LocationConstraint).toBe("eu-west-1");
  const elsewhere = new PutObjectCommand({ Bucket: "europe", Key: "k", Body: "x" });
  await expect(local.client.send(elsewhere)).rejects.toMatchObject(
    failure("AuthorizationHeaderMalformed", 400),
  );
  there.destroy();
});

test("only an empty bucket is deleted; versions and markers count", async () => {
  await local.makeBucket("Enabled");
  const { VersionId } = await local.put("k", "x");
  const marker = await local.client.send(new DeleteObjectCommand({ Bucket: "box", Key: "k" }));
  const remove = () => local.client.send(new DeleteBucketCommand({ Bucket: "box" }));
  await expect(remove()).rejects.toMatchObject(failure("BucketNotEmpty", 409));
  for (const id of [VersionId, marker.VersionId]) {
    await local.client.send(new DeleteObjectCommand({ Bucket: "box", Key: "k", VersionId: id }));
  }
  await remove();
  await expect(remove()).rejects.toMatchObject(failure("NoSuchBucket", 404));
});

test("the account that is expected to own it", async () => {
  await local.makeBucket();
  const asked = (ExpectedBucketOwner: string) =>
    local.client.send(new GetBucketLocationCommand({ Bucket: "box", ExpectedBucketOwner }));
  await asked("123456789012");
  await expect(asked("999999999999")).rejects.toMatchObject(failure("AccessDenied", 403));
});
