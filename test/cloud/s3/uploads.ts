import { randomBytes } from "node:crypto";
import type {
  AbortMultipartUploadCommandInput,
  CompletedPart,
  CompleteMultipartUploadCommandInput,
  CreateMultipartUploadCommandInput,
  ListMultipartUploadsCommandInput,
  ListPartsCommandInput,
  UploadPartCommandInput,
} from "@aws-sdk/client-s3";
import { AwsError } from "../wire/errors.ts";
import type { Call, WireServer } from "../wire/server.ts";
import type { Bucket } from "./bucket.ts";
import { md5, verifyChecksums } from "./checksums.ts";
import { sameEtag } from "./conditions.ts";
import { assertModelled, bucketOf, keyOf, type S3Context } from "./context.ts";
import { ENCRYPTION, encryptionOf } from "./encryption.ts";
import type { Part, Upload } from "./stored.ts";
import { CHECKSUMS, METADATA, metadataOf, write, written } from "./versions.ts";

/** Of every part but the last. https://docs.aws.amazon.com/AmazonS3/latest/userguide/qfacts.html */
const SMALLEST_PART = 5 * 1024 * 1024;
const MOST_PARTS = 10_000;

/** Multipart uploads. The checksum of a whole object made of parts is not modelled. */
export function serveUploads(server: WireServer, context: S3Context): void {
  server.on("s3", "CreateMultipartUpload", (input: CreateMultipartUploadCommandInput, call) =>
    create(context, input, call),
  );
  server.on("s3", "UploadPart", (input: UploadPartCommandInput, call) => uploadPart(context, input, call));
  server.on("s3", "CompleteMultipartUpload", (input: CompleteMultipartUploadCommandInput, call) =>
    complete(context, input, call),
  );
  server.on("s3", "AbortMultipartUpload", (input: AbortMultipartUploadCommandInput, call) => {
    assertModelled(call, ["UploadId"]);
    const bucket = bucketOf(context, input, call);
    bucket.uploads.delete(uploadOf(bucket, input).id);
    return {};
  });
  server.on("s3", "ListParts", (input: ListPartsCommandInput, call) => listParts(context, input, call));
  server.on("s3", "ListMultipartUploads", (input: ListMultipartUploadsCommandInput, call) =>
    listUploads(context, input, call),
  );
}

function create(context: S3Context, input: CreateMultipartUploadCommandInput, call: Call) {
  assertModelled(call, [...METADATA, "ChecksumAlgorithm", ...ENCRYPTION]);
  const bucket = bucketOf(context, input, call);
  const id = randomBytes(32).toString("base64url");
  const upload: Upload = {
    id,
    key: keyOf(input),
    initiated: context.now(),
    metadata: metadataOf(input),
    encryption: encryptionOf(context, call, bucket, input),
    parts: new Map(),
  };
  bucket.uploads.set(id, upload);
  return { Bucket: bucket.name, Key: upload.key, UploadId: id, ...upload.encryption };
}

function uploadOf(
  bucket: Bucket,
  input: { UploadId?: string | undefined; Key?: string | undefined },
): Upload {
  const upload = bucket.uploads.get(input.UploadId ?? "");
  if (upload !== undefined && upload.key === input.Key) return upload;
  throw new AwsError(
    "NoSuchUpload",
    "The specified upload does not exist. The upload ID may be invalid, or the upload may have been aborted or completed.",
    404,
    { UploadId: input.UploadId ?? "" },
  );
}

function uploadPart(context: S3Context, input: UploadPartCommandInput, call: Call) {
  assertModelled(call, ["Body", "ContentLength", "PartNumber", "UploadId", ...CHECKSUMS]);
  const upload = uploadOf(bucketOf(context, input, call), input);
  const number = input.PartNumber ?? 0;
  if (number < 1 || number > MOST_PARTS) {
    throw new AwsError("InvalidArgument", "Part number must be an integer between 1 and 10000, inclusive");
  }
  const body = input.Body as Uint8Array;
  const checksums = verifyChecksums(input, body);
  const etag = `"${md5(body).toString("hex")}"`;
  upload.parts.set(number, { body, etag, modified: context.now(), checksums });
  return { ETag: etag, ...upload.encryption, ...checksums };
}

function complete(context: S3Context, input: CompleteMultipartUploadCommandInput, call: Call) {
  assertModelled(call, ["UploadId", "MultipartUpload", "IfMatch", "IfNoneMatch"]);
  const bucket = bucketOf(context, input, call);
  const upload = uploadOf(bucket, input);
  const parts = chosenParts(upload, input.MultipartUpload?.Parts ?? []);
  const digests = parts.map((part) => md5(part.body));
  const version = write(context, call, bucket, input, {
    body: Buffer.concat(parts.map((part) => part.body)),
    etag: `"${md5(...digests).toString("hex")}-${parts.length}"`,
    metadata: upload.metadata,
    encryption: upload.encryption,
    checksums: {},
    tags: [],
  });
  bucket.uploads.delete(upload.id);
  return { Bucket: bucket.name, Key: upload.key, ETag: version.etag, ...written(bucket, version) };
}

function chosenParts(upload: Upload, chosen: readonly CompletedPart[]): Part[] {
  if (chosen.length === 0) {
    throw new AwsError("MalformedXML", "The XML you provided was not well-formed");
  }
  const numbers = chosen.map((part) => part.PartNumber ?? 0);
  if (numbers.some((number, i) => i > 0 && number <= (numbers[i - 1] ?? 0))) {
    throw new AwsError("InvalidPartOrder", "The list of parts was not in ascending order.");
  }
  const parts = chosen.map(({ PartNumber = 0, ETag = "" }) => {
    const part = upload.parts.get(PartNumber);
    if (part !== undefined && sameEtag(part.etag, ETag)) return part;
    throw new AwsError(
      "InvalidPart",
      "One or more of the specified parts could not be found. The part may not have been uploaded, or the specified entity tag may not match the part's entity tag.",
      400,
      { PartNumber: String(PartNumber) },
    );
  });
  if (parts.slice(0, -1).some((part) => part.body.byteLength < SMALLEST_PART)) {
    throw new AwsError("EntityTooSmall", "Your proposed upload is smaller than the minimum allowed size");
  }
  return parts;
}

function listParts(context: S3Context, input: ListPartsCommandInput, call: Call) {
  assertModelled(call, ["UploadId", "MaxParts", "PartNumberMarker"]);
  const bucket = bucketOf(context, input, call);
  const upload = uploadOf(bucket, input);
  const max = Math.min(input.MaxParts ?? 1000, 1000);
  const marker = Number(input.PartNumberMarker ?? 0);
  const after = [...upload.parts].filter(([number]) => number > marker).sort(([a], [b]) => a - b);
  const shown = after.slice(0, max);
  const truncated = after.length > shown.length;
  return {
    Bucket: bucket.name,
    Key: upload.key,
    UploadId: upload.id,
    MaxParts: max,
    IsTruncated: truncated,
    PartNumberMarker: String(marker),
    ...(truncated ? { NextPartNumberMarker: String(shown.at(-1)?.[0] ?? marker) } : {}),
    Parts: shown.map(([PartNumber, part]) => ({
      PartNumber,
      ETag: part.etag,
      Size: part.body.byteLength,
      LastModified: new Date(part.modified),
      ...part.checksums,
    })),
    StorageClass: "STANDARD",
  };
}

function listUploads(context: S3Context, input: ListMultipartUploadsCommandInput, call: Call) {
  assertModelled(call, ["Prefix"]);
  const bucket = bucketOf(context, input, call);
  const uploads = [...bucket.uploads.values()].filter((u) => u.key.startsWith(input.Prefix ?? ""));
  if (uploads.length > 1000) throw new AwsError("NotImplemented", "more than 1000 uploads (local AWS)", 501);
  return {
    Bucket: bucket.name,
    IsTruncated: false,
    MaxUploads: 1000,
    Uploads: uploads.map((u) => ({ Key: u.key, UploadId: u.id, Initiated: new Date(u.initiated) })),
  };
}
