import type { GetObjectCommandInput, HeadObjectCommandInput } from "@aws-sdk/client-s3";
import { type Call, Reply } from "../wire/server.ts";
import { assertMayRead } from "./conditions.ts";
import { assertModelled, bucketOf, keyOf, type S3Context } from "./context.ts";
import { assertMayDecrypt } from "./encryption.ts";
import { parseRange } from "./range.ts";
import { checksumType, find, written } from "./versions.ts";

const READ = [
  "VersionId",
  "Range",
  "IfMatch",
  "IfNoneMatch",
  "IfModifiedSince",
  "IfUnmodifiedSince",
  "ChecksumMode",
];

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
    ...(tellChecksum ? { ...version.checksums, ...checksumType(version.checksums) } : {}),
    ...(version.tags.length === 0 ? {} : { TagCount: version.tags.length }),
    ...written(bucket, version),
  };
  const body = range === undefined ? version.body : version.body.subarray(range.first, range.last + 1);
  return { version, output, body, status: range === undefined ? 200 : 206 };
}

export function getObject(context: S3Context, input: GetObjectCommandInput, call: Call): Reply {
  const { version, output, body, status } = describe(context, input, call);
  assertMayDecrypt(context, call, version.encryption);
  return new Reply({ ...output, Body: body }, { status });
}

export function headObject(context: S3Context, input: HeadObjectCommandInput, call: Call): Reply {
  const { output, status } = describe(context, input, call);
  return new Reply(output, { status });
}
