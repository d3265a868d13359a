import type { CreateBucketCommandInput, ListBucketsCommandInput, ObjectOwnership } from "@aws-sdk/client-s3";
import { AwsError } from "../wire/errors.ts";
import type { Call, WireServer } from "../wire/server.ts";
import { Bucket, inUtf8Order } from "./bucket.ts";
import { assertModelled, bucketOf, type S3Context } from "./context.ts";
import { assertTags } from "./tags.ts";

interface OnBucket {
  Bucket: string | undefined;
  ExpectedBucketOwner?: string;
}

/** CreateBucket, HeadBucket, GetBucketLocation, ListBuckets, DeleteBucket. `taken`: names other accounts have. */
export function serveBuckets(server: WireServer, context: S3Context, taken: ReadonlySet<string>): void {
  server.on("s3", "CreateBucket", (input: CreateBucketCommandInput, call) => {
    assertModelled(call, ["CreateBucketConfiguration", "ObjectOwnership"]);
    if (taken.has(input.Bucket ?? "")) {
      throw new AwsError(
        "BucketAlreadyExists",
        "The requested bucket name is not available. The bucket namespace is shared by all users of the system. Please select a different name and try again.",
        409,
      );
    }
    return createBucket(context, input, call);
  });
  server.on("s3", "HeadBucket", (input: OnBucket, call) => ({
    BucketRegion: bucketOf(context, input, call).region,
  }));
  server.on("s3", "GetBucketLocation", (input: OnBucket, call) => {
    const { region } = bucketOf(context, input, call);
    return region === "us-east-1" ? {} : { LocationConstraint: region };
  });
  server.on("s3", "ListBuckets", (input: ListBucketsCommandInput, call) => {
    assertModelled(call, ["Prefix", "MaxBuckets", "ContinuationToken", "BucketRegion"]);
    return listBuckets(context, input);
  });
  server.on("s3", "DeleteBucket", (input: OnBucket, call) => {
    const bucket = bucketOf(context, input, call);
    if (!bucket.isEmpty()) {
      throw new AwsError(
        "BucketNotEmpty",
        bucket.versioning === undefined
          ? "The bucket you tried to delete is not empty"
          : "The bucket you tried to delete is not empty. You must delete all versions in the bucket.",
        409,
        { BucketName: bucket.name },
      );
    }
    context.buckets.delete(bucket.name);
    return {};
  });
}

/** https://docs.aws.amazon.com/AmazonS3/latest/userguide/bucketnamingrules.html */
const NAME =
  /^(?!xn--|sthree-|amzn-s3-demo-|\d+\.\d+\.\d+\.\d+$)[a-z0-9](?!.*\.\.)[a-z0-9.-]{1,61}[a-z0-9](?<!-s3alias|--ol-s3|--x-s3)$/;

function createBucket(context: S3Context, input: CreateBucketCommandInput, call: Call) {
  const name = input.Bucket ?? "";
  if (!NAME.test(name)) {
    throw new AwsError("InvalidBucketName", "The specified bucket is not valid.", 400, { BucketName: name });
  }
  const region = call.region ?? "us-east-1";
  const asked = input.CreateBucketConfiguration?.LocationConstraint;
  if ((asked ?? "us-east-1") !== region) {
    throw new AwsError(
      "IllegalLocationConstraintException",
      `The ${asked ?? "unspecified"} location constraint is incompatible for the region specific endpoint this request was sent to.`,
    );
  }
  const mine = context.buckets.get(name);
  // In us-east-1 creating one's own bucket again succeeds and changes nothing of it.
  if (mine !== undefined && mine.region === "us-east-1" && region === "us-east-1")
    return { Location: `/${name}` };
  if (mine !== undefined) {
    throw new AwsError(
      "BucketAlreadyOwnedByYou",
      "Your previous request to create the named bucket succeeded and you already own it.",
      409,
      { BucketName: name },
    );
  }
  const { Tags } = input.CreateBucketConfiguration ?? {};
  if (Tags !== undefined) assertTags(Tags);
  const bucket = makeBucket(context, name, region, input.ObjectOwnership);
  if (Tags !== undefined) bucket.settings.set("Tagging", { TagSet: Tags });
  return { Location: region === "us-east-1" ? `/${name}` : `http://${name}.s3.amazonaws.com/` };
}

export function makeBucket(
  { buckets, now }: Pick<S3Context, "buckets" | "now">,
  name: string,
  region: string,
  ownership: ObjectOwnership = "BucketOwnerEnforced",
): Bucket {
  const bucket = new Bucket(name, region, now());
  bucket.settings.set("OwnershipControls", {
    OwnershipControls: { Rules: [{ ObjectOwnership: ownership }] },
  });
  buckets.set(name, bucket);
  return bucket;
}

function listBuckets(context: S3Context, input: ListBucketsCommandInput) {
  const { Prefix = "", MaxBuckets = 10_000, ContinuationToken, BucketRegion } = input;
  const after = ContinuationToken === undefined ? "" : Buffer.from(ContinuationToken, "base64url").toString();
  const found = [...context.buckets.values()]
    .filter((b) => b.name.startsWith(Prefix) && b.name > after)
    .filter((b) => BucketRegion === undefined || b.region === BucketRegion)
    .sort((a, b) => inUtf8Order(a.name, b.name));
  const shown = found.slice(0, MaxBuckets);
  const last = shown.at(-1);
  const more = found.length > shown.length && last !== undefined;
  return {
    Buckets: shown.map((b) => ({ Name: b.name, CreationDate: new Date(b.created), BucketRegion: b.region })),
    Owner: { ID: context.account },
    ...(Prefix === "" ? {} : { Prefix }),
    ...(more ? { ContinuationToken: Buffer.from(last.name).toString("base64url") } : {}),
  };
}
