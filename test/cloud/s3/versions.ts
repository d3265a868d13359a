import { AwsError } from "../wire/errors.ts";
import type { Call } from "../wire/server.ts";
import { type Bucket, NULL_VERSION } from "./bucket.ts";
import { assertMayWrite } from "./conditions.ts";
import { keyOf, noSuchKey, type S3Context } from "./context.ts";
import type { Content, Metadata, ObjectVersion, Version } from "./stored.ts";

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

export function metadataOf(input: Metadata): Metadata {
  return Object.fromEntries(
    METADATA.flatMap((name) => (input[name] === undefined ? [] : [[name, input[name]]])),
  );
}

interface Write {
  Key?: string | undefined;
  IfMatch?: string | undefined;
  IfNoneMatch?: string | undefined;
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
  const mayCompare = context.may(call, "s3:GetObject", `arn:aws:s3:::${bucket.name}/${key}`);
  if (input.IfMatch !== undefined && !mayCompare) throw new AwsError("AccessDenied", "Access Denied", 403);
  assertMayWrite(key, bucket.current(key), input);
  return bucket.put(key, content, context.now());
}

/** What every answer to a write tells. */
export const written = (bucket: Bucket, version: ObjectVersion) => ({
  ...version.encryption,
  ...versionId(bucket, version),
});

const versionId = (bucket: Bucket, version: { id: string }) =>
  bucket.versioning === undefined ? {} : { VersionId: version.id };

export const checksumType = (checksums: object) =>
  Object.keys(checksums).length === 0 ? {} : { ChecksumType: "FULL_OBJECT" };

/** @throws AwsError as a GET of a missing key, a delete marker or an unknown version does. */
export function find(
  context: S3Context,
  call: Call,
  bucket: Bucket,
  key: string,
  id: string | undefined,
): ObjectVersion {
  const found = id === undefined ? bucket.newest(key) : bucket.version(key, id);
  if (found === undefined || (id === undefined && isUnseen(context, bucket, found)))
    throw noSuchKey(context, call, bucket, key);
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

/** S3 has not spread yet that the bucket has versions, and answers as if what was written since were not there. */
const isUnseen = ({ now, versioned }: S3Context, bucket: Bucket, { id }: Version): boolean =>
  bucket.versioned !== undefined && id !== NULL_VERSION && now() < bucket.versioned + versioned;
