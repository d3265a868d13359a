import { AwsError } from "../wire/errors.ts";

/** https://docs.aws.amazon.com/AmazonS3/latest/userguide/CostAllocTagging.html @throws AwsError InvalidTag */
export function assertTags(tags: readonly { Key?: string | undefined; Value?: string | undefined }[]): void {
  const invalid = (message: string): AwsError => new AwsError("InvalidTag", message);
  if (tags.length > 50) throw new AwsError("BadRequest", "Bucket tag count cannot be greater than 50");
  const seen = new Set<string>();
  for (const { Key = "", Value = "" } of tags) {
    if (Key === "" || Key.length > 128) throw invalid("The TagKey you have provided is invalid");
    if (Value.length > 256) throw invalid("The TagValue you have provided is invalid");
    if (/^aws:/i.test(Key)) throw invalid("System tags cannot be added/updated by requester");
    if (seen.has(Key)) throw invalid("Cannot provide multiple Tags with the same key");
    seen.add(Key);
  }
}
