import { S3Client, type S3ClientConfig } from "@aws-sdk/client-s3";
import { streamLimits } from "./call-limits.ts";

/** Endpoint, region and credentials come from the standard AWS configuration unless given. */
export function createS3Client(config: S3ClientConfig = {}): S3Client {
  return new S3Client({
    requestHandler: streamLimits,
    // It would print a line for each failed upload; the store reports those itself.
    logger: { debug: quiet, info: quiet, warn: quiet, error: quiet, trace: quiet },
    ...config,
  });
}

const quiet = (): void => {};

/** Calls that name no bucket that is there already. */
const WITHOUT_OWNER = new Set(["CreateBucketCommand", "ListBucketsCommand"]);

/**
 * Every call from here on is for buckets of this account alone (ExpectedBucketOwner): S3 answers 403 for any other's.
 * A bucket's name is free for anybody once it was deleted.
 */
export function expectOwner(client: S3Client, account: string): void {
  client.middlewareStack.add(
    (next, context) => (args) => {
      const request = args.request as { headers?: Record<string, string> };
      if (request.headers !== undefined && !WITHOUT_OWNER.has(context.commandName ?? "")) {
        request.headers["x-amz-expected-bucket-owner"] = account;
      }
      return next(args);
    },
    { step: "build", name: "expectedBucketOwner" },
  );
}
