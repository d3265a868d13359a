import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { CreateBucketCommand } from "@aws-sdk/client-s3";
import { afterEach, beforeEach, expect, test } from "vitest";
import { createStateClient, s3StateBucket } from "../../../agent/site/state/s3-bucket.ts";
import { handedDown } from "../../../agent/state/credentials.ts";
import { S3 } from "../../cloud/s3.ts";
import { WireServer } from "../../cloud/wire/server.ts";

let folder: string;
let server: WireServer;
beforeEach(async () => {
  folder = await mkdtemp(path.join(tmpdir(), "everspot-credentials-"));
  server = new WireServer({ secretOf: (key) => (key.startsWith("ASIA") ? `secret of ${key}` : undefined) });
  new S3(server);
  await server.start();
});
afterEach(async () => {
  await server.stop();
  await rm(folder, { recursive: true });
});

test("credentials that are handed down are read again before they expire, not for each request", async () => {
  const file = path.join(folder, "credentials.json");
  const hand = (accessKeyId: string, minutes: number) =>
    writeFile(
      file,
      JSON.stringify({
        ...{ accessKeyId, secretAccessKey: `secret of ${accessKeyId}`, sessionToken: "token" },
        expiration: new Date(Date.now() + minutes * 60_000).toISOString(),
      }),
    );
  await hand("ASIA1", 3);
  const client = createStateClient({
    ...{ endpoint: server.endpoint, region: "us-east-1" },
    credentials: handedDown(file),
  });
  await client.send(new CreateBucketCommand({ Bucket: "site" }));
  const bucket = s3StateBucket(client, "site");
  await bucket.put("state/chunks/a", Buffer.from("a"));
  // The agent has had new ones from the metadata service; those above have three minutes left.
  await hand("ASIA2", 360);
  await bucket.put("state/chunks/b", Buffer.from("b"));
  await hand("ASIA3", 360);
  await bucket.put("state/chunks/c", Buffer.from("c"));
  client.destroy();
  const keys = server.calls.filter((call) => call.operation === "PutObject").map((call) => call.accessKeyId);
  expect(keys).toEqual(["ASIA1", "ASIA2", "ASIA2"]);
});
