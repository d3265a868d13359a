import { afterAll, beforeAll, beforeEach, expect, test } from "vitest";
import { expectOwner } from "../../../../agent/site/s3-client.ts";
import { createStateClient, s3StateBucket } from "../../../../agent/site/state/s3-bucket.ts";
import { internalError } from "../../../cloud/wire/server.ts";
import { type LocalState, startState } from "../../state/local.ts";

const KEY = "state/log/000000000001";
const OTHER = "state/chunks/0123";

let local: LocalState;
beforeAll(async () => {
  local = await startState();
});
afterAll(async () => {
  expect(local.server.faults).toEqual([]);
  await local.close();
});
beforeEach(async () => {
  await local.next();
  await local.bucket.put(KEY, Buffer.from("an entry"));
  await local.bucket.put(OTHER, Buffer.alloc(100_000, 7));
  // The first one is the SDK's own.
  await local.bucket.get(KEY);
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
    expect(Buffer.from((await local.bucket.get(KEY)) ?? []).toString()).toBe("an entry");
    expect(Buffer.from((await local.bucket.get(OTHER)) ?? [])).toEqual(Buffer.alloc(100_000, 7));
    expect(await local.bucket.get("state/log/000000000002")).toBeUndefined();
  });
  expect(plain).toEqual([false, false, false]);
});

test("what is no usual answer is asked of the SDK, and read as before from then on", async () => {
  local.server.disturb("s3", "GetObject", { error: internalError() });
  const get = async () => expect(await local.bucket.get(KEY)).toBeDefined();
  // The one that failed did not come to be a call.
  expect(await asked(get)).toEqual([true]);
  expect(await asked(get)).toEqual([false]);
});

test("a connection that is lost is another try", async () => {
  local.server.disturb("s3", "GetObject", { loseRequest: true });
  expect(await local.bucket.get(KEY)).toBeDefined();
});

test("of this account's bucket alone", async () => {
  const client = createStateClient({ endpoint: local.server.endpoint });
  expectOwner(client, "123456789012");
  const bucket = s3StateBucket(client, [...local.s3.buckets.keys()].at(-1) ?? "");
  const before = local.server.calls.length;
  expect(
    await asked(async () => {
      await bucket.get(KEY);
      await bucket.get(KEY);
    }),
  ).toEqual([true, false]);
  const owners = local.server.calls.slice(before).map(({ input }) => input.ExpectedBucketOwner);
  expect(owners).toEqual(["123456789012", "123456789012"]);
  client.destroy();
});
