import {
  CreateBucketCommand,
  PutBucketVersioningCommand,
  PutObjectCommand,
  S3Client,
} from "@aws-sdk/client-s3";
import { S3, type S3Options } from "../s3.ts";
import { WireServer } from "../wire/server.ts";

/** For the tests of S3: a server, a client of it, a clock to set, and helpers on the bucket "box". */
export async function startLocal(options: S3Options = {}) {
  const time = { now: Date.parse("2030-01-01T00:00:00Z") };
  const server = new WireServer();
  const s3 = new S3(server, { now: () => time.now, ...options });
  await server.start();
  const client = new S3Client({ endpoint: server.endpoint, maxAttempts: 1 });
  return {
    server,
    s3,
    client,
    time,
    makeBucket: async (versioning?: "Enabled" | "Suspended") => {
      await client.send(new CreateBucketCommand({ Bucket: "box" }));
      if (versioning !== undefined) await setVersioning(client, versioning);
    },
    put: (Key: string, Body: string) => client.send(new PutObjectCommand({ Bucket: "box", Key, Body })),
    stop: async () => {
      client.destroy();
      await server.stop();
    },
  };
}
export type Local = Awaited<ReturnType<typeof startLocal>>;

export const setVersioning = (client: S3Client, Status: "Enabled" | "Suspended") =>
  client.send(new PutBucketVersioningCommand({ Bucket: "box", VersioningConfiguration: { Status } }));

/** For `rejects`: an error of that code and status. */
export const failure = (name: string, httpStatusCode: number) => ({ name, $metadata: { httpStatusCode } });
