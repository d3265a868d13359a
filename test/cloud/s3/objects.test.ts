import { createHash } from "node:crypto";
import {
  CopyObjectCommand,
  DeleteObjectCommand,
  DeleteObjectsCommand,
  GetObjectCommand,
  type GetObjectCommandInput,
  HeadObjectCommand,
  PutBucketEncryptionCommand,
  PutObjectCommand,
  type PutObjectCommandInput,
} from "@aws-sdk/client-s3";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { failure, type Local, setVersioning, startLocal } from "./local.ts";

let local: Local;
beforeEach(async () => {
  local = await startLocal();
  await local.makeBucket();
});
afterEach(async () => {
  expect(local.server.faults).toEqual([]);
  await local.stop();
});

const put = (Key: string, more: Partial<PutObjectCommandInput> = {}) =>
  local.client.send(new PutObjectCommand({ Bucket: "box", Key, Body: "body", ...more }));
const get = (Key: string, more: Partial<GetObjectCommandInput> = {}) =>
  local.client.send(new GetObjectCommand({ Bucket: "box", Key, ...more }));
const head = (Key: string) => local.client.send(new HeadObjectCommand({ Bucket: "box", Key }));
const text = async (Key: string, more: Partial<GetObjectCommandInput> = {}) =>
  (await get(Key, more)).Body?.transformToString();
const remove = (Key: string, VersionId?: string) =>
  local.client.send(new DeleteObjectCommand({ Bucket: "box", Key, ...(VersionId && { VersionId }) }));
const md5 = (body: string): string => createHash("md5").update(body).digest("hex");

describe("an object", () => {
  test("comes back with everything said of it", async () => {
    const said = { ContentType: "text/x", CacheControl: "no-store", Metadata: { by: "me" } };
    const { ETag } = await put("a/ü +&.txt", said);
    expect(ETag).toBe(`"${md5("body")}"`);
    const got = await get("a/ü +&.txt");
    expect(await got.Body?.transformToString()).toBe("body");
    const expected = {
      ...said,
      ETag,
      ContentLength: 4,
      AcceptRanges: "bytes",
      ServerSideEncryption: "AES256",
    };
    expect(got).toMatchObject({ ...expected, LastModified: new Date("2030-01-01") });
    expect(got.VersionId).toBeUndefined();
    expect(await head("a/ü +&.txt")).toMatchObject(expected);
  });

  test.each([
    ["bytes=0-1", "bo", "bytes 0-1/4"],
    ["bytes=1-", "ody", "bytes 1-3/4"],
    ["bytes=-2", "dy", "bytes 2-3/4"],
    ["bytes=2-99", "dy", "bytes 2-3/4"],
  ])("%s is a part of it", async (Range, part, ContentRange) => {
    await put("k");
    const got = await get("k", { Range });
    expect(got).toMatchObject({
      ContentRange,
      ContentLength: part.length,
      $metadata: { httpStatusCode: 206 },
    });
    expect(await got.Body?.transformToString()).toBe(part);
  });

  test("a range behind its end is refused", async () => {
    await put("k");
    await expect(get("k", { Range: "bytes=4-" })).rejects.toMatchObject(failure("InvalidRange", 416));
  });

  test("a missing one is 404, also for HEAD, which has no body to say why", async () => {
    await expect(get("no")).rejects.toMatchObject(failure("NoSuchKey", 404));
    await expect(head("no")).rejects.toMatchObject(failure("NotFound", 404));
    await expect(get("x", { Bucket: "none" })).rejects.toMatchObject(failure("NoSuchBucket", 404));
  });

  test("a missing one is 403 for those who may not list", async () => {
    await local.stop();
    local = await startLocal({ may: (_call, action) => action !== "s3:ListBucket" });
    await local.makeBucket();
    await expect(get("no")).rejects.toMatchObject(failure("AccessDenied", 403));
    await put("k");
    expect(await text("k")).toBe("body");
  });

  test("a key has at most 1,024 bytes", async () => {
    await put("ü".repeat(512));
    await expect(put(`${"ü".repeat(512)}x`)).rejects.toMatchObject(failure("KeyTooLongError", 400));
  });
});

describe("conditions of a read", () => {
  test("If-None-Match and If-Modified-Since: 304", async () => {
    const { ETag = "" } = await put("k");
    await expect(get("k", { IfNoneMatch: ETag })).rejects.toMatchObject({
      $metadata: { httpStatusCode: 304 },
    });
    expect(await text("k", { IfNoneMatch: '"other"' })).toBe("body");
    const same = { IfModifiedSince: new Date("2030-01-01") };
    await expect(get("k", same)).rejects.toMatchObject({ $metadata: { httpStatusCode: 304 } });
    expect(await text("k", { IfModifiedSince: new Date("2029-12-31") })).toBe("body");
  });

  test("If-Match and If-Unmodified-Since: 412", async () => {
    const { ETag = "" } = await put("k");
    expect(await text("k", { IfMatch: ETag })).toBe("body");
    await expect(get("k", { IfMatch: '"other"' })).rejects.toMatchObject(failure("PreconditionFailed", 412));
    const before = { IfUnmodifiedSince: new Date("2029-12-31") };
    await expect(get("k", before)).rejects.toMatchObject(failure("PreconditionFailed", 412));
  });
});

describe("conditions of a write", () => {
  test("If-None-Match: * wants no object there", async () => {
    await put("k", { IfNoneMatch: "*" });
    await expect(put("k", { IfNoneMatch: "*" })).rejects.toMatchObject(failure("PreconditionFailed", 412));
    await expect(put("k", { IfNoneMatch: '"x"' })).rejects.toMatchObject(failure("NotImplemented", 501));
  });

  test("If-Match wants that very object there", async () => {
    await expect(put("k", { IfMatch: '"x"' })).rejects.toMatchObject(failure("NoSuchKey", 404));
    const { ETag = "" } = await put("k");
    await put("k", { IfMatch: ETag, Body: "new" });
    await expect(put("k", { IfMatch: ETag })).rejects.toMatchObject(failure("PreconditionFailed", 412));
    expect(await text("k")).toBe("new");
  });

  test("a delete marker counts as no object", async () => {
    await setVersioning(local.client, "Enabled");
    const { ETag = "" } = await put("k");
    await remove("k");
    await expect(put("k", { IfMatch: ETag })).rejects.toMatchObject(failure("NoSuchKey", 404));
    await put("k", { IfNoneMatch: "*" });
  });

  test("of many at once exactly one wins", async () => {
    const outcomes = await Promise.allSettled(
      Array.from({ length: 8 }, () => put("k", { IfNoneMatch: "*" })),
    );
    expect(outcomes.filter((o) => o.status === "fulfilled")).toHaveLength(1);
  });

  test("If-Match needs permission to read", async () => {
    await local.stop();
    local = await startLocal({ may: (_call, action) => action !== "s3:GetObject" });
    await local.makeBucket();
    const { ETag = "" } = await put("k");
    await expect(put("k", { IfMatch: ETag })).rejects.toMatchObject(failure("AccessDenied", 403));
  });
});

describe("checksums", () => {
  test.each(["CRC32", "CRC32C", "SHA1", "SHA256"] as const)("%s is checked and told", async (algorithm) => {
    const sent = await put("k", { ChecksumAlgorithm: algorithm, Body: "123456789" });
    const name = `Checksum${algorithm}` as const;
    expect(sent[name]).toBeTruthy();
    expect((await get("k", { ChecksumMode: "ENABLED" }))[name]).toBe(sent[name]);
    await expect(put("k", { [name]: sent[name], Body: "12345678x" })).rejects.toMatchObject(
      failure("BadDigest", 400),
    );
  });

  test("CRC32C has the published check value", async () => {
    const sent = await put("k", { ChecksumAlgorithm: "CRC32C", Body: "123456789" });
    expect(Buffer.from(sent.ChecksumCRC32C ?? "", "base64").toString("hex")).toBe("e3069283");
  });

  test("Content-MD5", async () => {
    const wrong = Buffer.alloc(16).toString("base64");
    await expect(put("k", { ContentMD5: wrong })).rejects.toMatchObject(failure("BadDigest", 400));
    await expect(get("k")).rejects.toMatchObject(failure("NoSuchKey", 404));
  });
});

describe("versions", () => {
  beforeEach(() => setVersioning(local.client, "Enabled"));

  test("an overwritten object can still be read by its version", async () => {
    const first = await put("k", { Body: "1" });
    const second = await put("k", { Body: "2" });
    expect(first.VersionId).not.toBe(second.VersionId);
    expect(await text("k")).toBe("2");
    expect(await text("k", { VersionId: first.VersionId })).toBe("1");
    await expect(get("k", { VersionId: "none" })).rejects.toMatchObject(failure("NoSuchVersion", 404));
  });

  test("a delete hides the object behind a marker; deleting the marker brings it back", async () => {
    await put("k", { Body: "1" });
    const marker = await remove("k");
    expect(marker).toMatchObject({ DeleteMarker: true });
    await expect(get("k")).rejects.toMatchObject(failure("NoSuchKey", 404));
    await expect(get("k", { VersionId: marker.VersionId })).rejects.toMatchObject(
      failure("MethodNotAllowed", 405),
    );
    expect(await remove("k", marker.VersionId)).toMatchObject({ DeleteMarker: true });
    expect(await text("k")).toBe("1");
  });

  test("a deleted version is gone for good", async () => {
    const { VersionId } = await put("k", { Body: "1" });
    await put("k", { Body: "2" });
    await remove("k", VersionId);
    await expect(get("k", { VersionId })).rejects.toMatchObject(failure("NoSuchVersion", 404));
    expect(await text("k")).toBe("2");
  });

  test("suspended: the null version is replaced, the others stay", async () => {
    const { VersionId } = await put("k", { Body: "kept" });
    await setVersioning(local.client, "Suspended");
    expect((await put("k", { Body: "a" })).VersionId).toBe("null");
    await put("k", { Body: "b" });
    expect(await text("k", { VersionId: "null" })).toBe("b");
    expect(await text("k", { VersionId })).toBe("kept");
    expect((await remove("k")).VersionId).toBe("null");
    await expect(get("k", { VersionId: "null" })).rejects.toMatchObject(failure("MethodNotAllowed", 405));
  });
});

test("without versioning a delete is for good, and deleting nothing is no error", async () => {
  await put("k");
  await remove("k");
  await remove("k");
  await expect(get("k")).rejects.toMatchObject(failure("NoSuchKey", 404));
});

test("many are deleted at once, by key or version", async () => {
  await setVersioning(local.client, "Enabled");
  const { VersionId } = await put("a");
  await put("b");
  const Objects = [{ Key: "a", VersionId }, { Key: "b" }, { Key: "none" }];
  const { Deleted } = await local.client.send(
    new DeleteObjectsCommand({ Bucket: "box", Delete: { Objects } }),
  );
  expect(Deleted).toMatchObject([{ Key: "a", VersionId }, { Key: "b", DeleteMarker: true }, { Key: "none" }]);
  await expect(get("a")).rejects.toMatchObject(failure("NoSuchKey", 404));
  const quiet = new DeleteObjectsCommand({ Bucket: "box", Delete: { Objects, Quiet: true } });
  expect((await local.client.send(quiet)).Deleted).toBeUndefined();
  const tooMany = Array.from({ length: 1001 }, (_, i) => ({ Key: String(i) }));
  const refused = new DeleteObjectsCommand({ Bucket: "box", Delete: { Objects: tooMany } });
  await expect(local.client.send(refused)).rejects.toMatchObject(failure("MalformedXML", 400));
});

describe("a copy", () => {
  const copy = (more: object) =>
    local.client.send(new CopyObjectCommand({ Bucket: "box", Key: "to", CopySource: "box/from", ...more }));

  test("has the body and, unless replaced, the metadata", async () => {
    await put("from ü", { ContentType: "text/x" });
    await copy({ CopySource: encodeURI("box/from ü") });
    expect(await text("to")).toBe("body");
    expect((await head("to")).ContentType).toBe("text/x");
    await copy({ CopySource: encodeURI("/box/from ü"), MetadataDirective: "REPLACE", ContentType: "text/y" });
    expect((await head("to")).ContentType).toBe("text/y");
  });

  test("may be of an old version, and conditional", async () => {
    await setVersioning(local.client, "Enabled");
    const { VersionId, ETag } = await put("from", { Body: "old" });
    await put("from", { Body: "new" });
    await copy({ CopySource: `box/from?versionId=${VersionId}`, IfNoneMatch: "*" });
    expect(await text("to")).toBe("old");
    await expect(copy({ IfNoneMatch: "*" })).rejects.toMatchObject(failure("PreconditionFailed", 412));
    await expect(copy({ CopySourceIfMatch: ETag })).rejects.toMatchObject(failure("PreconditionFailed", 412));
  });

  test("onto itself must change something", async () => {
    await put("to");
    await expect(copy({ CopySource: "box/to" })).rejects.toMatchObject(failure("InvalidRequest", 400));
  });
});

describe("encryption with a key of KMS", () => {
  const key = "arn:aws:kms:us-east-1:123456789012:key/0123-4567";
  const kms = { ServerSideEncryption: "aws:kms" as const, SSEKMSKeyId: key };

  test("is reported, and hides the MD5", async () => {
    const sent = await put("k", kms);
    expect(sent).toMatchObject(kms);
    expect(sent.ETag).not.toBe(`"${md5("body")}"`);
    expect(await head("k")).toMatchObject({ ...kms, ETag: sent.ETag });
    expect(await text("k")).toBe("body");
  });

  test("comes from the bucket's default when the request has none", async () => {
    const ApplyServerSideEncryptionByDefault = { SSEAlgorithm: "aws:kms" as const, KMSMasterKeyID: key };
    const Rules = [{ ApplyServerSideEncryptionByDefault }];
    await local.client.send(
      new PutBucketEncryptionCommand({ Bucket: "box", ServerSideEncryptionConfiguration: { Rules } }),
    );
    expect(await put("k")).toMatchObject(kms);
    expect(await put("k", { ServerSideEncryption: "AES256" })).toMatchObject({
      ServerSideEncryption: "AES256",
    });
  });

  test("needs permission for the key, to write and to read", async () => {
    await local.stop();
    let allowed = ["s3:GetObject", "s3:ListBucket", "kms:GenerateDataKey"];
    local = await startLocal({
      may: (_call, action, on) => allowed.includes(action) && (on === key || /s3/.test(on)),
    });
    await local.makeBucket();
    await put("k", kms);
    await head("k");
    await expect(get("k")).rejects.toMatchObject(failure("AccessDenied", 403));
    allowed = ["s3:GetObject", "s3:ListBucket", "kms:Decrypt"];
    expect(await text("k")).toBe("body");
    await expect(put("k", kms)).rejects.toMatchObject(failure("AccessDenied", 403));
  });
});

test("what the model would have to ignore is a fault", async () => {
  await expect(put("k", { WebsiteRedirectLocation: "/x" })).rejects.toMatchObject({
    $metadata: { httpStatusCode: 418 },
  });
  expect(local.server.faults.splice(0)).toMatchObject([
    { message: expect.stringContaining("WebsiteRedirectLocation is not modelled") },
  ]);
});
