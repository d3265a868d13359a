import { createHash } from "node:crypto";
import { CreateBucketCommand } from "@aws-sdk/client-s3";
import { systemClock } from "../../agent/site/clock.ts";
import type { StateBucket } from "../../agent/site/state/bucket.ts";
import { createStateClient, s3StateBucket } from "../../agent/site/state/s3-bucket.ts";
import type { ObjectVersion } from "../../test/cloud/s3/stored.ts";
import { S3 } from "../../test/cloud/s3.ts";
import { slowDown, WireServer } from "../../test/cloud/wire/server.ts";

/** Milliseconds that S3 takes: a folder that answers at once hides what matters. */
const LATENCY: Record<string, number> = { PutObject: 30, GetObject: 15, ListObjectsV2: 30 };

/** Returns when S3 would have got to a call. */
export async function asLateAsS3(operation: string): Promise<void> {
  const ms = LATENCY[operation];
  if (ms !== undefined) await systemClock.sleep(ms * (0.7 + 0.6 * Math.random()));
}

const NAME = "site";

export interface Bucket {
  name: string;
  server: WireServer;
  /** Whether every call is answered with 503 from here on. */
  refuses: boolean;
  /** Puts an object there, and takes no time for it: for what has been there for long. */
  add(key: string, body: Uint8Array): void;
  /** What is in it at this moment, for another one: what a machine that is gone now leaves behind. */
  content(): Content;
  /** For this process. */
  state: StateBucket;
  /** For processes that use it. */
  env: Record<string, string>;
  close(): Promise<void>;
}

export type Content = readonly ObjectVersion[];

/** A bucket of a local S3 over HTTP, as slow as S3 is. @param content what is in it at first. */
export async function startBucket(content: Content = []): Promise<Bucket> {
  const server = new WireServer({ secretOf: (key) => (key === "AKIATEST" ? "test" : undefined) });
  const s3 = new S3(server);
  server.before(async ({ operation }) => {
    if (started.refuses) throw slowDown();
    await asLateAsS3(operation);
  });
  await server.start();
  const credentials = { accessKeyId: "AKIATEST", secretAccessKey: "test" };
  const client = createStateClient({ endpoint: server.endpoint, region: "us-east-1", credentials });
  const inside = () => {
    const bucket = s3.buckets.get(NAME);
    if (bucket === undefined) throw new Error(`there is no bucket ${NAME}`);
    return bucket;
  };
  const started: Bucket = {
    name: NAME,
    refuses: false,
    content: () =>
      inside()
        .histories()
        .flatMap(([newest]) => (newest?.marker === false ? [newest] : [])),
    add(key, body) {
      const etag = `"${createHash("md5").update(body).digest("hex")}"`;
      const plain = { metadata: {}, checksums: {}, encryption: { ServerSideEncryption: "AES256" }, tags: [] };
      inside().put(key, { body, etag, ...plain }, Date.now());
    },
    state: s3StateBucket(client, NAME),
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
  await client.send(new CreateBucketCommand({ Bucket: NAME }));
  for (const one of content) inside().put(one.key, one, one.modified);
  return started;
}
