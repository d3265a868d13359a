import type {
  DeleteObjectTaggingCommandInput,
  GetObjectTaggingCommandInput,
  PutObjectTaggingCommandInput,
} from "@aws-sdk/client-s3";
import { AwsError } from "../wire/errors.ts";
import type { WireServer } from "../wire/server.ts";
import { assertModelled, bucketOf, keyOf, type S3Context } from "./context.ts";
import { assertTags } from "./tags.ts";
import { CHECKSUMS, find } from "./versions.ts";

/** https://docs.aws.amazon.com/AmazonS3/latest/userguide/object-tagging.html */
const MOST = 10;

/** Tags of an object are changed in place: no new version, the same ETag. */
export function serveObjectTagging(server: WireServer, context: S3Context): void {
  server
    .on("s3", "PutObjectTagging", (input: PutObjectTaggingCommandInput, call) => {
      assertModelled(call, ["Tagging", "VersionId", ...CHECKSUMS]);
      const tags = (input.Tagging?.TagSet ?? []).map(({ Key = "", Value = "" }) => ({ Key, Value }));
      if (tags.length > MOST)
        throw new AwsError("BadRequest", `Object tags cannot be greater than ${MOST}`, 400);
      assertTags(tags);
      const bucket = bucketOf(context, input, call);
      find(context, call, bucket, keyOf(input), input.VersionId).tags = tags;
      return {};
    })
    .on("s3", "GetObjectTagging", (input: GetObjectTaggingCommandInput, call) => {
      assertModelled(call, ["VersionId"]);
      const bucket = bucketOf(context, input, call);
      return { TagSet: find(context, call, bucket, keyOf(input), input.VersionId).tags };
    })
    .on("s3", "DeleteObjectTagging", (input: DeleteObjectTaggingCommandInput, call) => {
      assertModelled(call, ["VersionId"]);
      const bucket = bucketOf(context, input, call);
      find(context, call, bucket, keyOf(input), input.VersionId).tags = [];
      return {};
    });
}
