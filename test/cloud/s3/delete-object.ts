import type { DeleteObjectCommandInput, DeleteObjectsCommandInput } from "@aws-sdk/client-s3";
import { AwsError, ContractError } from "../wire/errors.ts";
import type { Call } from "../wire/server.ts";
import type { Bucket } from "./bucket.ts";
import { assertModelled, bucketOf, keyOf, type S3Context } from "./context.ts";
import { CHECKSUMS } from "./versions.ts";

export function deleteObject(context: S3Context, input: DeleteObjectCommandInput, call: Call) {
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

export function deleteObjects(context: S3Context, input: DeleteObjectsCommandInput, call: Call) {
  assertModelled(call, ["Delete", ...CHECKSUMS]);
  const bucket = bucketOf(context, input, call);
  const objects = input.Delete?.Objects ?? [];
  if (objects.length === 0 || objects.length > 1000) {
    throw new AwsError(
      "MalformedXML",
      "The XML you provided was not well-formed or did not validate against our published schema",
    );
  }
  if (objects.some((o) => o.ETag !== undefined || o.Size !== undefined || o.LastModifiedTime !== undefined)) {
    throw new ContractError("s3.DeleteObjects: conditions are not modelled");
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
