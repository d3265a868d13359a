import type { S3Client } from "@aws-sdk/client-s3";
import { createS3Client } from "../../../agent/site/s3-client.ts";
import { createS3Store } from "../../../agent/site/s3-store.ts";
import type { ObjectStore } from "../../../agent/site/store.ts";
import { S3, type S3Options } from "../../cloud/s3.ts";
import { WireServer } from "../../cloud/wire/server.ts";

export interface LocalS3 {
  server: WireServer;
  s3: S3;
  client: S3Client;
  store: ObjectStore;
  close(): Promise<void>;
}

/**
 * A local S3 with one versioned bucket, and the store over it.
 * @param options.sockets whether this process, too, speaks HTTP to it (see WireServer).
 */
export async function startS3(options: S3Options & { sockets?: boolean } = {}): Promise<LocalS3> {
  const server = new WireServer({
    secretOf: (key) => (key === "AKIATEST" ? "test" : undefined),
    inProcess: options.sockets !== true,
    ...(options.now && { now: options.now }),
  });
  const s3 = new S3(server, options);
  s3.make("site").setVersioning("Enabled", (options.now ?? Date.now)());
  await server.start();
  const client = createS3Client({ endpoint: server.endpoint });
  return {
    server,
    s3,
    client,
    store: createS3Store(client, "site", { now: Date.now, sleep: async () => {} }),
    close: async () => {
      client.destroy();
      await server.stop();
    },
  };
}
