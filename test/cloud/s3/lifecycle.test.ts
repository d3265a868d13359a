import {
  CreateMultipartUploadCommand,
  DeleteObjectCommand,
  type LifecycleRule,
  PutBucketLifecycleConfigurationCommand,
} from "@aws-sdk/client-s3";
import { afterEach, beforeEach, expect, test } from "vitest";
import { type Local, startLocal } from "./local.ts";

const DAY_MS = 86_400_000;
let local: Local;
beforeEach(async () => {
  local = await startLocal();
});
afterEach(async () => {
  expect(local.server.faults).toEqual([]);
  await local.stop();
});

async function rules(...Rules: Omit<LifecycleRule, "Status">[]): Promise<void> {
  const LifecycleConfiguration = { Rules: Rules.map((rule) => ({ Status: "Enabled" as const, ...rule })) };
  await local.client.send(
    new PutBucketLifecycleConfigurationCommand({ Bucket: "box", LifecycleConfiguration }),
  );
}

/** What is there after some more days: "key" for an object, "key!" for a delete marker, in versions. */
function after(days: number): string[] {
  local.time.now += days * DAY_MS;
  local.s3.expire();
  return (local.s3.buckets.get("box")?.versions() ?? []).map((v) => (v.marker ? `${v.key}!` : v.key));
}

test("objects below a prefix expire after so many days", async () => {
  await local.makeBucket();
  await rules({ Filter: { Prefix: "boots/" }, Expiration: { Days: 10 } });
  await local.put("boots/1", "x");
  await local.put("site.json", "x");
  expect(after(9)).toEqual(["boots/1", "site.json"]);
  expect(after(1)).toEqual(["site.json"]);
});

test("in a versioned bucket they leave a marker, then vanish as noncurrent, then the marker goes", async () => {
  await local.makeBucket("Enabled");
  await rules({
    Filter: { Prefix: "" },
    Expiration: { Days: 5 },
    NoncurrentVersionExpiration: { NoncurrentDays: 3 },
  });
  await local.put("k", "x");
  expect(after(5)).toEqual(["k!", "k"]);
  expect(after(2)).toEqual(["k!", "k"]);
  expect(after(1)).toEqual(["k!"]);
  await rules({ Filter: { Prefix: "" }, Expiration: { ExpiredObjectDeleteMarker: true } });
  expect(after(0)).toEqual([]);
});

test("noncurrent versions: the newest few are kept, counted from when they were replaced", async () => {
  await local.makeBucket("Enabled");
  await rules({
    Filter: { Prefix: "" },
    NoncurrentVersionExpiration: { NoncurrentDays: 1, NewerNoncurrentVersions: 1 },
  });
  for (const body of ["1", "2", "3", "4"]) await local.put("k", body);
  expect(after(0)).toHaveLength(4);
  expect(after(1)).toHaveLength(2);
});

test("a disabled rule does nothing, and a tag or size filter is kept to", async () => {
  await local.makeBucket();
  await local.put("small", "x");
  await local.put("large", "x".repeat(100));
  await rules({ Filter: { ObjectSizeGreaterThan: 50 }, Expiration: { Days: 1 } });
  expect(after(1)).toEqual(["small"]);
  await rules({ Filter: { Tag: { Key: "a", Value: "b" } }, Expiration: { Days: 1 } });
  expect(after(5)).toEqual(["small"]);
  const Rules: LifecycleRule[] = [{ Status: "Disabled", Filter: {}, Expiration: { Days: 1 } }];
  await local.client.send(
    new PutBucketLifecycleConfigurationCommand({ Bucket: "box", LifecycleConfiguration: { Rules } }),
  );
  expect(after(5)).toEqual(["small"]);
});

test("a lone marker is left alone while versions are behind it", async () => {
  await local.makeBucket("Enabled");
  await local.put("k", "x");
  await local.client.send(new DeleteObjectCommand({ Bucket: "box", Key: "k" }));
  await rules({ Filter: { Prefix: "" }, Expiration: { ExpiredObjectDeleteMarker: true } });
  expect(after(100)).toEqual(["k!", "k"]);
});

test("uploads never completed are given up", async () => {
  await local.makeBucket();
  await local.client.send(new CreateMultipartUploadCommand({ Bucket: "box", Key: "k" }));
  await rules({ Filter: { Prefix: "" }, AbortIncompleteMultipartUpload: { DaysAfterInitiation: 2 } });
  after(1);
  expect(local.s3.buckets.get("box")?.uploads.size).toBe(1);
  after(1);
  expect(local.s3.buckets.get("box")?.uploads.size).toBe(0);
});
