import type { S3Client } from "@aws-sdk/client-s3";
import { afterAll, beforeAll, beforeEach, expect, test } from "vitest";
import { expectOwner } from "../../../../agent/site/s3-client.ts";
import type { StateBucket } from "../../../../agent/site/state/bucket.ts";
import { createStateClient, s3StateBucket } from "../../../../agent/site/state/s3-bucket.ts";
import { internalError } from "../../../cloud/wire/server.ts";
import { type LocalS3, startS3 } from "../s3.ts";

const KEY = "state/log/000000000001";
const OTHER = "state/chunks/0123";

let local: LocalS3;
let client: S3Client;
let bucket: StateBucket;
beforeAll(async () => {
  local = await startS3({ sockets: true });
  client = createStateClient({ endpoint: local.server.endpoint });
  bucket = s3StateBucket(client, "site");
  await bucket.put(KEY, Buffer.from("an entry"));
  await bucket.put(OTHER, Buffer.alloc(100_000, 7));
});
afterAll(async () => {
  expect(local.server.faults).toEqual([]);
  client.destroy();
  await local.close();
});
beforeEach(async () => {
  bucket = s3StateBucket(client, "site");
  // The first one is the SDK's own.
  await bucket.get(KEY);
});

/** What came of each GetObject that S3 was asked for meanwhile: whether it was the SDK that asked. */
async function asked(work: () => Promise<unknown>): Promise<boolean[]> {
  const before = local.server.calls.length;
  await work();
  const calls = local.server.calls.slice(before).filter(({ operation }) => operation === "GetObject");
  return calls.map(({ req }) => req.headers["amz-sdk-invocation-id"] !== undefined);
}

test("an object is read without the SDK's command, byte for byte, and one that is not there costs one call", async () => {
  const plain = await asked(async () => {
    expect(Buffer.from((await bucket.get(KEY)) ?? []).toString()).toBe("an entry");
    expect(Buffer.from((await bucket.get(OTHER)) ?? [])).toEqual(Buffer.alloc(100_000, 7));
    expect(await bucket.get("state/log/000000000002")).toBeUndefined();
  });
  expect(plain).toEqual([false, false, false]);
});

test("what is no usual answer is asked of the SDK, and read as before from then on", async () => {
  local.server.disturb("s3", "GetObject", { error: internalError() });
  const get = async () => expect(await bucket.get(KEY)).toBeDefined();
  // The one that failed did not come to be a call.
  expect(await asked(get)).toEqual([true]);
  expect(await asked(get)).toEqual([false]);
});

test("a connection that is lost is another try", async () => {
  local.server.disturb("s3", "GetObject", { loseRequest: true });
  expect(await bucket.get(KEY)).toBeDefined();
});

test("of this account's bucket alone", async () => {
  const careful = createStateClient({ endpoint: local.server.endpoint });
  expectOwner(careful, "123456789012");
  const own = s3StateBucket(careful, "site");
  const before = local.server.calls.length;
  expect(
    await asked(async () => {
      await own.get(KEY);
      await own.get(KEY);
    }),
  ).toEqual([true, false]);
  const owners = local.server.calls.slice(before).map(({ input }) => input.ExpectedBucketOwner);
  expect(owners).toEqual(["123456789012", "123456789012"]);
  careful.destroy();
});
