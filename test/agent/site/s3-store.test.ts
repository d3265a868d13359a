import { createHash, randomBytes } from "node:crypto";
import { mkdtemp, readdir, readFile, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { Readable } from "node:stream";
import { setTimeout as delay } from "node:timers/promises";
import { DeleteObjectCommand, S3Client } from "@aws-sdk/client-s3";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { EverspotError } from "../../../agent/site/errors.ts";
import { createS3Client } from "../../../agent/site/s3-client.ts";
import { createS3Store } from "../../../agent/site/s3-store.ts";
import { ConditionFailed, WriteConflict } from "../../../agent/site/store.ts";
import { AwsError, internalError, slowDown } from "../../cloud/wire/server.ts";
import { type LocalS3, startS3 } from "./s3.ts";

let local: LocalS3;
let folder: string;
beforeEach(async () => {
  local = await startS3({ sockets: true });
  folder = await mkdtemp(path.join(tmpdir(), "everspot-store-"));
});
afterEach(async () => {
  expect(local.server.faults).toEqual([]);
  await local.close();
  await rm(folder, { recursive: true });
});

const sha256 = (bytes: Uint8Array): string => createHash("sha256").update(bytes).digest("hex");
/** Half of the 1,000 bytes promised, then the connection is cut. */
const breaksOff = (): Readable =>
  Readable.from(
    (async function* () {
      yield Buffer.alloc(500, "x");
      await delay(20);
      throw new Error("cut");
    })(),
  );
const stalls = (): Readable =>
  Readable.from(
    (async function* () {
      yield Buffer.alloc(500, "x");
      await delay(400);
      yield Buffer.alloc(500, "x");
    })(),
  );
const callsOf = (operation: string): number =>
  local.server.calls.filter((c) => c.operation === operation).length;

describe("get, head and put", () => {
  test("what is put is got, with the same ETag and the server's clock", async () => {
    const put = await local.store.put("a/b.json", "{}");
    const got = await local.store.get("a/b.json");
    expect(got).toMatchObject({ etag: put.etag });
    expect(new TextDecoder().decode(got?.body)).toBe("{}");
    expect(await local.store.head("a/b.json")).toMatchObject({ etag: put.etag, size: 2 });
  });

  test("the date is the server's, not this machine's", async () => {
    await local.close();
    const noon = Date.parse("2030-01-01T12:00:00Z");
    local = await startS3({ now: () => noon, sockets: true });
    const { date } = await local.store.put("k", "1");
    expect(date).toEqual(new Date(noon));
    expect((await local.store.get("k"))?.date).toEqual(new Date(noon));
  });

  test("a missing key is undefined", async () => {
    expect(await local.store.get("none")).toBeUndefined();
    expect(await local.store.head("none")).toBeUndefined();
    expect(await local.store.download("none", path.join(folder, "x"))).toBeUndefined();
  });

  test("a deleted key is undefined, though the bucket keeps its versions", async () => {
    await local.store.put("k", "1");
    await local.client.send(new DeleteObjectCommand({ Bucket: "site", Key: "k" }));
    expect(await local.store.get("k")).toBeUndefined();
    expect(await local.store.head("k")).toBeUndefined();
    await local.store.put("k", "2", { ifNoneMatch: "*" });
  });
});

describe("conditions", () => {
  test("ifNoneMatch: only the first write succeeds", async () => {
    await local.store.put("k", "1", { ifNoneMatch: "*" });
    await expect(local.store.put("k", "2", { ifNoneMatch: "*" })).rejects.toThrow(ConditionFailed);
  });

  test("ifMatch: only over what was read", async () => {
    const { etag } = await local.store.put("k", "1");
    await local.store.put("k", "2", { ifMatch: etag });
    await expect(local.store.put("k", "3", { ifMatch: etag })).rejects.toThrow(ConditionFailed);
  });

  test("ifMatch on a key that is gone (404) is a failed condition too", async () => {
    await expect(local.store.put("k", "1", { ifMatch: '"x"' })).rejects.toThrow(ConditionFailed);
  });

  test("409 is a conflict, to be tried again", async () => {
    local.server.disturb("s3", "PutObject", {
      error: new AwsError("ConditionalRequestConflict", "conflict", 409),
    });
    await expect(local.store.put("k", "1", { ifNoneMatch: "*" })).rejects.toThrow(WriteConflict);
  });

  test("after a lost reply the SDK's own retry meets its own write", async () => {
    local.server.disturb("s3", "PutObject", { loseReply: true });
    await expect(local.store.put("k", "1", { ifNoneMatch: "*" })).rejects.toThrow(ConditionFailed);
    expect(new TextDecoder().decode((await local.store.get("k"))?.body)).toBe("1");
  });
});

test("list gives every key below a prefix, in order, over all pages", async () => {
  const keys = Array.from({ length: 1003 }, (_, i) => `p/${String(i).padStart(4, "0")}`);
  await local.store.put("q/other", "x");
  const AES = { ServerSideEncryption: "AES256" };
  const content = {
    body: Buffer.from("x"),
    etag: '"x"',
    metadata: {},
    checksums: {},
    tags: [],
    encryption: AES,
  };
  for (const key of keys) local.s3.buckets.get("site")?.put(key, content, 0);
  const found = await local.store.list("p/");
  expect(found.map((f) => f.key)).toEqual(keys);
  expect(callsOf("ListObjectsV2")).toBe(2);
  expect(await local.store.list("nothing/")).toEqual([]);
});

describe("upload and download", () => {
  const bytes = randomBytes(3_000_000);
  const file = () => path.join(folder, "in");
  const target = () => path.join(folder, "out");

  test("a file goes there and back, complete, 0600, with its hash", async () => {
    await writeFile(file(), bytes);
    await local.store.upload("releases/1.zip", file());
    const got = await local.store.download("releases/1.zip", target());
    expect(got).toEqual({ sha256: sha256(bytes), size: bytes.length });
    expect(sha256(await readFile(target()))).toBe(sha256(bytes));
    expect((await stat(target())).mode & 0o777).toBe(0o600);
    expect((await readdir(folder)).sort()).toEqual(["in", "out"]);
  });

  test("an empty file too", async () => {
    await writeFile(file(), "");
    await local.store.upload("k", file());
    expect(await local.store.download("k", target())).toEqual({ sha256: sha256(Buffer.alloc(0)), size: 0 });
  });

  test("a conditional upload never replaces", async () => {
    await writeFile(file(), bytes);
    await local.store.upload("k", file(), { ifNoneMatch: "*" });
    await expect(local.store.upload("k", file(), { ifNoneMatch: "*" })).rejects.toThrow(ConditionFailed);
  });

  test("an upload goes on after a cut connection and a 503", async () => {
    await writeFile(file(), bytes);
    local.server.disturb("s3", "PutObject", { loseRequest: true }, 1);
    local.server.disturb("s3", "PutObject", { error: slowDown() }, 2);
    await local.store.upload("k", file());
    expect((await local.store.head("k"))?.size).toBe(bytes.length);
  });

  test("an upload that cannot succeed says so after three attempts", async () => {
    await writeFile(file(), bytes);
    for (const nth of [1, 2, 3]) local.server.disturb("s3", "PutObject", { error: internalError() }, nth);
    const error = await local.store.upload("k", file()).catch((e: unknown) => e);
    expect(error).toMatchObject({ name: "EverspotError", resource: "s3://site/k", retry: "retry" });
  });

  test("a download that breaks off leaves the old file and no rest", async () => {
    await writeFile(file(), "");
    await writeFile(target(), "old");
    local.server.on("s3", "GetObject", () => ({ Body: breaksOff(), ContentLength: 1000 }));
    const error = await local.store.download("k", target()).catch((e: unknown) => e);
    expect(error).toBeInstanceOf(EverspotError);
    expect(error).toMatchObject({ resource: "s3://site/k", retry: "retry" });
    expect(callsOf("GetObject")).toBe(3);
    expect(await readFile(target(), "utf8")).toBe("old");
    expect((await readdir(folder)).sort()).toEqual(["in", "out"]);
  });

  test("a download that breaks off once succeeds", async () => {
    let first = true;
    local.server.on("s3", "GetObject", () => {
      const Body = first ? breaksOff() : Buffer.alloc(1000, "x");
      first = false;
      return { Body, ContentLength: 1000 };
    });
    const whole = { sha256: sha256(Buffer.alloc(1000, "x")), size: 1000 };
    expect(await local.store.download("k", target())).toEqual(whole);
    first = true;
    expect((await local.store.get("k"))?.body).toHaveLength(1000);
  });

  test("trouble with the disk names the file and is not retried", async () => {
    await local.store.put("k", "x");
    const nowhere = path.join(folder, "no/such/folder/x");
    const disk = {
      name: "EverspotError",
      resource: nowhere,
      retry: "fatal",
      hint: expect.stringContaining("folder"),
    };
    await expect(local.store.download("k", nowhere)).rejects.toMatchObject(disk);
    expect(callsOf("GetObject")).toBe(1);
    await expect(local.store.upload("k", nowhere)).rejects.toMatchObject(disk);
    // A folder opens but cannot be read; so does this, which looks like an empty file.
    for (const unreadable of [folder, "/proc/self/mem"]) {
      await expect(local.store.upload("new", unreadable)).rejects.toMatchObject({
        ...disk,
        resource: unreadable,
      });
    }
    expect(await local.store.head("new")).toBeUndefined();
  });
});

describe("failures name bucket and key and say what to do", () => {
  test("access denied", async () => {
    local.server.before((call) => {
      if (call.operation === "GetObject") throw new AwsError("AccessDenied", "Access Denied", 403);
    });
    const error = await local.store.get("secret").catch((e: unknown) => e);
    expect(error).toMatchObject({ resource: "s3://site/secret", retry: "fatal" });
    expect((error as EverspotError).hint).toContain("s3:GetObject");
  });

  test("no such bucket", async () => {
    const store = createS3Store(local.client, "other");
    const error = await store.put("k", "x").catch((e: unknown) => e);
    expect(error).toMatchObject({ resource: "s3://other/k" });
    expect((error as EverspotError).hint).toContain("everspot up");
    await expect(store.get("k")).rejects.toThrow(EverspotError);
    await expect(store.list("k")).rejects.toThrow(EverspotError);
  });

  test.each([
    ["AKIATEST", "wrong", /check the AWS credentials/],
    ["AKIAOTHER", "test", /check the AWS credentials/],
  ])("credentials %s/%s", async (accessKeyId, secretAccessKey, hint) => {
    const client = new S3Client({
      endpoint: local.server.endpoint,
      credentials: { accessKeyId, secretAccessKey },
    });
    const error = await createS3Store(client, "site")
      .get("k")
      .catch((e: unknown) => e);
    client.destroy();
    expect((error as EverspotError).hint).toMatch(hint);
  });

  test("a server that stalls is given up, in the middle of a body too", async () => {
    const requestHandler = { socketTimeout: 100 };
    const client = createS3Client({ endpoint: local.server.endpoint, maxAttempts: 1, requestHandler });
    const store = createS3Store(client, "site", { now: Date.now, sleep: async () => {} });
    local.server.disturb("s3", "GetObject", { delayMs: 400 });
    await expect(store.get("k")).rejects.toMatchObject({ name: "EverspotError", retry: "retry" });
    local.server.on("s3", "GetObject", () => ({ Body: stalls(), ContentLength: 1000 }));
    await expect(store.get("k")).rejects.toMatchObject({ name: "EverspotError", retry: "retry" });
    // One that is delayed is seen once its delay is over.
    await vi.waitFor(() => expect(callsOf("GetObject")).toBe(4));
    client.destroy();
  });

  test("no one answers", async () => {
    await local.server.stop();
    const error = await local.store.get("k").catch((e: unknown) => e);
    expect(error).toMatchObject({ name: "EverspotError", retry: "retry" });
    expect((error as EverspotError).hint).toContain("network");
  });
});
