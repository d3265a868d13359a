import { AwsError, ContractError } from "../wire/errors.ts";
import type { Call } from "../wire/server.ts";
import type { Bucket } from "./bucket.ts";

/** What the operations of S3 share. */
export interface S3Context {
  account: string;
  now(): number;
  buckets: Map<string, Bucket>;
  /** Milliseconds after versions were first switched on for which what was written since is not found. */
  versioned: number;
  /** Whether the caller may do that as well: some of S3's answers depend on further permissions. */
  may(call: Call, action: string, resource: string): boolean;
}

interface OnBucket {
  Bucket?: string | undefined;
  ExpectedBucketOwner?: string | undefined;
}

/** @throws AwsError NoSuchBucket; AuthorizationHeaderMalformed when the request went to another region. */
export function bucketOf(context: S3Context, input: OnBucket, call: Call): Bucket {
  const bucket = context.buckets.get(input.Bucket ?? "");
  if (bucket === undefined) {
    throw new AwsError("NoSuchBucket", "The specified bucket does not exist", 404, {
      BucketName: input.Bucket ?? "",
    });
  }
  if (call.region !== undefined && call.region !== bucket.region) {
    throw new AwsError(
      "AuthorizationHeaderMalformed",
      `The authorization header is malformed; the region '${call.region}' is wrong; expecting '${bucket.region}'`,
      400,
      { Region: bucket.region },
    );
  }
  if (input.ExpectedBucketOwner !== undefined && input.ExpectedBucketOwner !== context.account) {
    throw new AwsError("AccessDenied", "Access Denied", 403);
  }
  return bucket;
}

/** @throws AwsError KeyTooLongError: 1,024 bytes of UTF-8. */
export function keyOf(input: { Key?: string | undefined }): string {
  const key = input.Key ?? "";
  if (Buffer.byteLength(key) > 1024) throw new AwsError("KeyTooLongError", "Your key is too long", 400);
  return key;
}

/**
 * For a key that is not there: S3 tells so only to those who may list the bucket.
 * https://docs.aws.amazon.com/AmazonS3/latest/API/API_GetObject.html
 */
export function noSuchKey(context: S3Context, call: Call, bucket: Bucket, key: string): AwsError {
  if (!context.may(call, "s3:ListBucket", `arn:aws:s3:::${bucket.name}`)) {
    return new AwsError("AccessDenied", "Access Denied", 403);
  }
  return new AwsError("NoSuchKey", "The specified key does not exist.", 404, { Key: key });
}

/** @throws ContractError for a member this model would otherwise ignore in silence. */
export function assertModelled(call: Call, members: readonly string[]): void {
  const known = new Set(["Bucket", "Key", "ExpectedBucketOwner", ...members]);
  const unknown = Object.keys(call.input).find((name) => !known.has(name));
  if (unknown !== undefined) throw new ContractError(`s3.${call.operation}: ${unknown} is not modelled`);
}
