import type { CopyObjectCommandInput, PutObjectCommandInput } from "@aws-sdk/client-s3";
import { AwsError } from "../wire/errors.ts";
import type { Call } from "../wire/server.ts";
import { verifyChecksums } from "./checksums.ts";
import { assertMayRead } from "./conditions.ts";
import { assertModelled, bucketOf, type S3Context } from "./context.ts";
import { assertMayDecrypt, ENCRYPTION, encryptionOf, etagOf } from "./encryption.ts";
import { CHECKSUMS, checksumType, find, METADATA, metadataOf, write, written } from "./versions.ts";

const PUT = ["Body", "ContentLength", "IfMatch", "IfNoneMatch", ...ENCRYPTION, "Tagging"];
const COPY = [
  "CopySource",
  "CopySourceIfMatch",
  "MetadataDirective",
  "IfMatch",
  "IfNoneMatch",
  ...ENCRYPTION,
];

export function putObject(context: S3Context, input: PutObjectCommandInput, call: Call) {
  assertModelled(call, [...PUT, ...METADATA, ...CHECKSUMS]);
  const bucket = bucketOf(context, input, call);
  const body = input.Body as Uint8Array;
  const checksums = verifyChecksums(input, body);
  const encryption = encryptionOf(context, call, bucket, input);
  const version = write(context, call, bucket, input, {
    body,
    encryption,
    etag: etagOf(body, encryption),
    metadata: metadataOf(input),
    checksums,
    tags: [...new URLSearchParams(input.Tagging ?? "")].map(([Key, Value]) => ({ Key, Value })),
  });
  return { ETag: version.etag, ...checksums, ...checksumType(checksums), ...written(bucket, version) };
}

export function copyObject(context: S3Context, input: CopyObjectCommandInput, call: Call) {
  assertModelled(call, [...COPY, ...METADATA]);
  const bucket = bucketOf(context, input, call);
  const { bucketName, key, id } = copySource(input.CopySource ?? "");
  const from = bucketOf(context, { Bucket: bucketName }, call);
  const source = find(context, call, from, key, id);
  assertMayDecrypt(context, call, source.encryption);
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
  const encryption = encryptionOf(context, call, bucket, input);
  const { body, checksums, tags } = source;
  const etag = etagOf(body, encryption);
  const version = write(context, call, bucket, input, { body, etag, encryption, metadata, checksums, tags });
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
