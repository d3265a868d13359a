import { S3Client, type S3ClientConfig } from "@aws-sdk/client-s3";

/** Endpoint, region and credentials come from the standard AWS configuration unless given. */
export function createS3Client(config: S3ClientConfig = {}): S3Client {
  return new S3Client({
    // The SDK waits for ever by default: a connection that moves no byte for a minute is given up.
    requestHandler: { connectionTimeout: 5_000, socketTimeout: 60_000 },
    // It would print a line for each failed upload; the store reports those itself.
    logger: { debug: quiet, info: quiet, warn: quiet, error: quiet, trace: quiet },
    ...config,
  });
}

const quiet = (): void => {};
