import { createHash } from "node:crypto";
import {
  AbortMultipartUploadCommand,
  type CompletedPart,
  CompleteMultipartUploadCommand,
  CreateMultipartUploadCommand,
  GetObjectCommand,
  ListMultipartUploadsCommand,
  ListPartsCommand,
  UploadPartCommand,
} from "@aws-sdk/client-s3";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { failure, type Local, startLocal } from "./local.ts";

const FULL = Buffer.alloc(5 * 1024 * 1024, "x");
const md5 = (body: Uint8Array): Buffer => createHash("md5").update(body).digest();
const at = { Bucket: "box", Key: "big" };

let local: Local;
let UploadId: string | undefined;
beforeEach(async () => {
  local = await startLocal();
  await local.makeBucket();
  const created = await local.client.send(new CreateMultipartUploadCommand({ ...at, ContentType: "text/x" }));
  UploadId = created.UploadId;
});
afterEach(async () => {
  expect(local.server.faults).toEqual([]);
  await local.stop();
});

const part = async (PartNumber: number, Body: Buffer): Promise<CompletedPart> => {
  const { ETag } = await local.client.send(new UploadPartCommand({ ...at, UploadId, PartNumber, Body }));
  return { PartNumber, ETag };
};
const complete = (Parts: CompletedPart[], more: { IfNoneMatch?: string; IfMatch?: string } = {}) =>
  local.client.send(
    new CompleteMultipartUploadCommand({ ...at, UploadId, MultipartUpload: { Parts }, ...more }),
  );

test("parts become one object", async () => {
  const parts = [await part(1, FULL), await part(3, Buffer.from("end"))];
  const { ETag } = await complete(parts);
  const digests = Buffer.concat([md5(FULL), md5(Buffer.from("end"))]);
  expect(ETag).toBe(`"${md5(digests).toString("hex")}-2"`);
  const got = await local.client.send(new GetObjectCommand(at));
  expect(got).toMatchObject({ ContentLength: FULL.length + 3, ContentType: "text/x", ETag });
  expect((await got.Body?.transformToString())?.slice(-4)).toBe("xend");
  await expect(complete(parts)).rejects.toMatchObject(failure("NoSuchUpload", 404));
});

describe("refused", () => {
  test("parts out of order, unknown, with another ETag, or too small", async () => {
    const one = await part(1, Buffer.from("small"));
    const two = await part(2, Buffer.from("end"));
    await expect(complete([two, one])).rejects.toMatchObject(failure("InvalidPartOrder", 400));
    await expect(complete([one, { ...two, PartNumber: 3 }])).rejects.toMatchObject(
      failure("InvalidPart", 400),
    );
    await expect(complete([{ ...one, ETag: '"x"' }])).rejects.toMatchObject(failure("InvalidPart", 400));
    await expect(complete([one, two])).rejects.toMatchObject(failure("EntityTooSmall", 400));
    await complete([two]);
  });

  test("part numbers outside 1 to 10,000", async () => {
    await expect(part(10_001, Buffer.from("x"))).rejects.toMatchObject(failure("InvalidArgument", 400));
  });

  test("a condition that does not hold, and the upload lives on", async () => {
    const parts = [await part(1, Buffer.from("x"))];
    await local.put("big", "there");
    await expect(complete(parts, { IfNoneMatch: "*" })).rejects.toMatchObject(
      failure("PreconditionFailed", 412),
    );
    await complete(parts);
  });
});

test("parts and uploads are listed", async () => {
  for (const n of [2, 1, 3]) await part(n, Buffer.from(String(n)));
  const first = await local.client.send(new ListPartsCommand({ ...at, UploadId, MaxParts: 2 }));
  expect(first.Parts?.map((p) => p.PartNumber)).toEqual([1, 2]);
  expect(first.IsTruncated).toBe(true);
  const PartNumberMarker = first.NextPartNumberMarker;
  const second = await local.client.send(new ListPartsCommand({ ...at, UploadId, PartNumberMarker }));
  expect(second.Parts?.map((p) => p.PartNumber)).toEqual([3]);
  const { Uploads } = await local.client.send(new ListMultipartUploadsCommand({ Bucket: "box" }));
  expect(Uploads).toMatchObject([{ Key: "big", UploadId }]);
});

test("an aborted upload is gone", async () => {
  await local.client.send(new AbortMultipartUploadCommand({ ...at, UploadId }));
  await expect(part(1, Buffer.from("x"))).rejects.toMatchObject(failure("NoSuchUpload", 404));
});
