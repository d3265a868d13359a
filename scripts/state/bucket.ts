import { CreateBucketCommand } from "@aws-sdk/client-s3";
import { systemClock } from "../../agent/site/clock.ts";
import type { StateBucket } from "../../agent/site/state/bucket.ts";
import { createStateClient, s3StateBucket } from "../../agent/site/state/s3-bucket.ts";
import { S3 } from "../../test/cloud/s3.ts";
import { WireServer } from "../../test/cloud/wire/server.ts";

/** Milliseconds that S3 takes: a folder that answers at once hides what matters. */
const LATENCY: Record<string, number> = { PutObject: 30, GetObject: 15, ListObjectsV2: 30 };

export interface Bucket {
  name: string;
  server: WireServer;
  /** For this process. */
  state: StateBucket;
  /** For processes that use it. */
  env: Record<string, string>;
  close(): Promise<void>;
}

/** A bucket of a local S3 over HTTP, as slow as S3 is. */
export async function startBucket(): Promise<Bucket> {
  const server = new WireServer({ secretOf: (key) => (key === "AKIATEST" ? "test" : undefined) });
  new S3(server);
  server.before(async ({ operation }) => {
    const ms = LATENCY[operation];
    if (ms !== undefined) await systemClock.sleep(ms * (0.7 + 0.6 * Math.random()));
  });
  await server.start();
  const credentials = { accessKeyId: "AKIATEST", secretAccessKey: "test" };
  const client = createStateClient({ endpoint: server.endpoint, region: "us-east-1", credentials });
  await client.send(new CreateBucketCommand({ Bucket: "site" }));
  return {
    name: "site",
    state: s3StateBucket(client, "site"),
    server,
    env: {
      AWS_ENDPOINT_URL: server.endpoint,
      AWS_REGION: "us-east-1",
      AWS_ACCESS_KEY_ID: credentials.accessKeyId,
      AWS_SECRET_ACCESS_KEY: credentials.secretAccessKey,
      AWS_EC2_METADATA_DISABLED: "true",
      AWS_CONFIG_FILE: "/dev/null",
      AWS_SHARED_CREDENTIALS_FILE: "/dev/null",
    },
    close: async () => {
      client.destroy();
      await server.stop();
    },
  };
}
