import { afterEach, beforeEach, expect, test } from "vitest";
import { type Aws, connect } from "../../../provisioner/aws/connect.ts";
import { lifecycle } from "../../../provisioner/wanted/bucket-rules.ts";
import { type Desk, openDesk } from "../site.ts";

let desk: Desk;
let aws: Aws;
beforeEach(async () => {
  desk = await openDesk();
  aws = await connect(desk.config);
});
afterEach(async () => {
  aws.close();
  await desk.close();
});

test("every call for the bucket says whose it must be, but the one that makes it", async () => {
  const { bucket, store, caller } = aws;
  expect(await bucket.look()).toBeUndefined();
  await bucket.create();
  await bucket.tag();
  await bucket.blockPublicAccess();
  await bucket.version();
  await bucket.encrypt();
  const own = { Effect: "Allow" as const, Action: "s3:GetObject", Resource: `arn:aws:s3:::${bucket.name}/*` };
  await bucket.setPolicy({
    Version: "2012-10-17",
    Statement: [{ Sid: "Own", Principal: { AWS: `arn:aws:iam::${caller.account}:root` }, ...own }],
  });
  await bucket.setLifecycle(lifecycle);
  await bucket.look();
  await store.put("a", "1");
  await store.get("a");
  await store.head("a");
  await store.list("");
  await bucket.expire("a");
  await bucket.keep("a");
  await bucket.empty();
  await bucket.delete();
  const calls = desk.cloud.wire.calls.filter((call) => call.service === "s3");
  expect(calls.length).toBeGreaterThan(20);
  const without = calls.filter((call) => call.input.ExpectedBucketOwner !== caller.account);
  expect(without.map((call) => call.operation)).toEqual(["CreateBucket"]);
});
