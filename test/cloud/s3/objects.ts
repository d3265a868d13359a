import type {
  CopyObjectCommandInput,
  DeleteObjectCommandInput,
  DeleteObjectsCommandInput,
  GetObjectCommandInput,
  HeadObjectCommandInput,
  PutObjectCommandInput,
} from "@aws-sdk/client-s3";
import { AwsError } from "../wire/errors.ts";
import { type Call, Reply, type WireServer } from "../wire/server.ts";
import type { Bucket, Content, Metadata, ObjectVersion } from "./bucket.ts";
import { md5, verifyChecksums } from "./checksums.ts";
import { assertMayRead, assertMayWrite } from "./conditions.ts";
import { assertModelled, bucketOf, keyOf, noSuchKey, type S3Context } from "./context.ts";
import { parseRange } from "./range.ts";

export const METADATA = [
  "ContentType",
  "ContentEncoding",
  "ContentDisposition",
  "ContentLanguage",
  "CacheControl",
  "Metadata",
  "StorageClass",
] as const satisfies readonly (keyof Metadata)[];
export const CHECKSUMS = [
  "ContentMD5",
  "ChecksumAlgorithm",
  "ChecksumCRC32",
  "ChecksumCRC32C",
  "ChecksumSHA1",
  "ChecksumSHA256",
];
const PUT = ["Body", "ContentLength", "IfMatch", "IfNoneMatch", "ServerSideEncryption", "Tagging"];
const READ = [
  "VersionId",
  "Range",
  "IfMatch",
  "IfNoneMatch",
  "IfModifiedSince",
  "IfUnmodifiedSince",
  "ChecksumMode",
];
const COPY = [
  "CopySource",
  "CopySourceIfMatch",
  "MetadataDirective",
  "IfMatch",
  "IfNoneMatch",
  "ServerSideEncryption",
];

/** PutObject, GetObject, HeadObject, CopyObject, DeleteObject, DeleteObjects. */
export function serveObjects(server: WireServer, context: S3Context): void {
  server.on("s3", "PutObject", (input: PutObjectCommandInput, call) => putObject(context, input, call));
  server.on("s3", "GetObject", (input: GetObjectCommandInput, call) => getObject(context, input, call));
  server.on("s3", "HeadObject", (input: HeadObjectCommandInput, call) => headObject(context, input, call));
  server.on("s3", "CopyObject", (input: CopyObjectCommandInput, call) => copyObject(context, input, call));
  server.on("s3", "DeleteObject", (input: DeleteObjectCommandInput, call) =>
    deleteObject(context, input, call),
  );
  server.on("s3", "DeleteObjects", (input: DeleteObjectsCommandInput, call) =>
    deleteObjects(context, input, call),
  );
}

function putObject(context: S3Context, input: PutObjectCommandInput, call: Call) {
  assertModelled(call, [...PUT, ...METADATA, ...CHECKSUMS]);
  const bucket = bucketOf(context, input, call);
  const body = input.Body as Uint8Array;
  const checksums = verifyChecksums(input, body);
  const version = write(context, call, bucket, input, {
    body,
    etag: `"${md5(body).toString("hex")}"`,
    metadata: metadataOf(input),
    checksums,
    tags: [...new URLSearchParams(input.Tagging ?? "")].map(([Key, Value]) => ({ Key, Value })),
  });
  return { ETag: version.etag, ...checksums, ...FULL_OBJECT(checksums), ...written(bucket, version) };
}

interface Write {
  Key?: string | undefined;
  IfMatch?: string | undefined;
  IfNoneMatch?: string | undefined;
  ServerSideEncryption?: string | undefined;
}

/** Stores content if the conditions hold. */
export function write(
  context: S3Context,
  call: Call,
  bucket: Bucket,
  input: Write,
  content: Content,
): ObjectVersion {
  const key = keyOf(input);
  if (input.ServerSideEncryption !== undefined && input.ServerSideEncryption !== "AES256") {
    throw new AwsError(
      "NotImplemented",
      `${input.ServerSideEncryption} encryption (not in the local AWS)`,
      501,
    );
  }
  const mayCompare = context.may(call, "s3:GetObject", `arn:aws:s3:::${bucket.name}/${key}`);
  if (input.IfMatch !== undefined && !mayCompare) throw new AwsError("AccessDenied", "Access Denied", 403);
  assertMayWrite(key, bucket.current(key), input);
  return bucket.put(key, content, context.now());
}

export function metadataOf(input: Metadata): Metadata {
  return Object.fromEntries(
    METADATA.flatMap((name) => (input[name] === undefined ? [] : [[name, input[name]]])),
  );
}

/** What every answer to a write tells. */
export const written = (bucket: Bucket, version: ObjectVersion) => ({
  ServerSideEncryption: "AES256",
  ...versionId(bucket, version),
});

const versionId = (bucket: Bucket, version: { id: string }) =>
  bucket.versioning === undefined ? {} : { VersionId: version.id };

const FULL_OBJECT = (checksums: object) =>
  Object.keys(checksums).length === 0 ? {} : { ChecksumType: "FULL_OBJECT" };

/** @throws AwsError as a GET of a missing key, a delete marker or an unknown version does. */
function find(
  context: S3Context,
  call: Call,
  bucket: Bucket,
  key: string,
  id: string | undefined,
): ObjectVersion {
  const found = id === undefined ? bucket.newest(key) : bucket.version(key, id);
  if (found === undefined) throw noSuchKey(context, call, bucket, key);
  if (!found.marker) return found;
  const headers = { "x-amz-delete-marker": "true", "x-amz-version-id": found.id };
  if (id === undefined) {
    const { code, message, status, extra } = noSuchKey(context, call, bucket, key);
    throw new AwsError(code, message, status, extra, headers);
  }
  throw new AwsError(
    "MethodNotAllowed",
    "The specified method is not allowed against this resource.",
    405,
    { Method: call.req.method ?? "", ResourceType: "DeleteMarker" },
    headers,
  );
}

function describe(context: S3Context, input: HeadObjectCommandInput, call: Call) {
  assertModelled(call, READ);
  const bucket = bucketOf(context, input, call);
  const version = find(context, call, bucket, keyOf(input), input.VersionId);
  assertMayRead(version, input);
  const size = version.body.byteLength;
  const range = parseRange(input.Range, size);
  const tellChecksum = input.ChecksumMode === "ENABLED" && range === undefined;
  const output = {
    ...version.metadata,
    ContentType: version.metadata.ContentType ?? "binary/octet-stream",
    AcceptRanges: "bytes",
    ContentLength: range === undefined ? size : range.last - range.first + 1,
    ETag: version.etag,
    LastModified: new Date(version.modified),
    ...(range === undefined ? {} : { ContentRange: `bytes ${range.first}-${range.last}/${size}` }),
    ...(tellChecksum ? { ...version.checksums, ...FULL_OBJECT(version.checksums) } : {}),
    ...(version.tags.length === 0 ? {} : { TagCount: version.tags.length }),
    ...written(bucket, version),
  };
  const body = range === undefined ? version.body : version.body.subarray(range.first, range.last + 1);
  return { output, body, status: range === undefined ? 200 : 206 };
}

function getObject(context: S3Context, input: GetObjectCommandInput, call: Call): Reply {
  const { output, body, status } = describe(context, input, call);
  return new Reply({ ...output, Body: body }, { status });
}

function headObject(context: S3Context, input: HeadObjectCommandInput, call: Call): Reply {
  const { output, status } = describe(context, input, call);
  return new Reply(output, { status });
}

function copyObject(context: S3Context, input: CopyObjectCommandInput, call: Call) {
  assertModelled(call, [...COPY, ...METADATA]);
  const bucket = bucketOf(context, input, call);
  const { bucketName, key, id } = copySource(input.CopySource ?? "");
  const from = bucketOf(context, { Bucket: bucketName }, call);
  const source = find(context, call, from, key, id);
  if (input.CopySourceIfMatch !== undefined) assertMayRead(source, { IfMatch: input.CopySourceIfMatch });
  const replace = input.MetadataDirective === "REPLACE";
  if (
    from === bucket &&
    key === input.Key &&
    id === undefined &&
    !replace &&
    input.StorageClass === undefined
  ) {
    throw new AwsError(
      "InvalidRequest",
      "This copy request is illegal because it is trying to copy an object to itself without changing the object's metadata, storage class, website redirect location or encryption attributes.",
    );
  }
  const metadata = replace ? metadataOf(input) : { ...source.metadata, StorageClass: input.StorageClass };
  const etag = `"${md5(source.body).toString("hex")}"`;
  const { body, checksums, tags } = source;
  const version = write(context, call, bucket, input, { body, etag, metadata, checksums, tags });
  return {
    CopyObjectResult: { ETag: version.etag, LastModified: new Date(version.modified), ...checksums },
    ...(from.versioning === undefined ? {} : { CopySourceVersionId: source.id }),
    ...written(bucket, version),
  };
}

/** "bucket/key?versionId=…", URL-encoded, with or without a leading slash. */
function copySource(text: string): { bucketName: string; key: string; id: string | undefined } {
  const [, bucketName, key, id] = /^\/?([^/]+)\/([^?]+)(?:\?versionId=(.+))?$/.exec(text) ?? [];
  if (bucketName === undefined || key === undefined) {
    throw new AwsError(
      "InvalidArgument",
      "Copy Source must mention the source bucket and key: sourcebucket/sourcekey",
    );
  }
  return { bucketName, key: decodeURIComponent(key), id };
}

function deleteObject(context: S3Context, input: DeleteObjectCommandInput, call: Call) {
  assertModelled(call, ["VersionId"]);
  const bucket = bucketOf(context, input, call);
  return outcomeOfDelete(bucket, keyOf(input), input.VersionId, context.now());
}

function outcomeOfDelete(bucket: Bucket, key: string, id: string | undefined, now: number) {
  const affected = bucket.delete(key, id, now);
  return {
    ...(affected?.marker ? { DeleteMarker: true } : {}),
    ...(bucket.versioning === undefined ? {} : { VersionId: id ?? affected?.id }),
  };
}

function deleteObjects(context: S3Context, input: DeleteObjectsCommandInput, call: Call) {
  assertModelled(call, ["Delete", ...CHECKSUMS]);
  const bucket = bucketOf(context, input, call);
  const objects = input.Delete?.Objects ?? [];
  if (objects.length === 0 || objects.length > 1000) {
    throw new AwsError(
      "MalformedXML",
      "The XML you provided was not well-formed or did not validate against our published schema",
    );
  }
  const Deleted = objects.map(({ Key = "", VersionId }) => {
    const outcome = outcomeOfDelete(bucket, Key, VersionId, context.now());
    const marker = outcome.DeleteMarker
      ? { DeleteMarker: true, DeleteMarkerVersionId: outcome.VersionId }
      : {};
    return { Key, ...(VersionId === undefined ? {} : { VersionId }), ...marker };
  });
  return input.Delete?.Quiet ? {} : { Deleted };
}
