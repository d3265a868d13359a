import type * as S3 from "@aws-sdk/client-s3";
import { ContractError } from "../../wire/server.ts";
import { type Check, check, type Mapping } from "./check.ts";

interface Target {
  Bucket?: string | undefined;
  Key?: string | undefined;
}
interface Versioned extends Target {
  VersionId?: string | undefined;
}

const bucketArn = (input: Target): string => `arn:aws:s3:::${input.Bucket ?? ""}`;
const objectArn = (input: Target): string => `${bucketArn(input)}/${input.Key ?? ""}`;

const onBucket =
  (action: string) =>
  (input: Target): Check[] => [check(action, bucketArn(input))];
const onObject =
  (action: string) =>
  (input: Target): Check[] => [check(action, objectArn(input))];
/** Permissions on one version have a name of their own. */
const onVersion =
  (action: string) =>
  (input: Versioned): Check[] => [
    input.VersionId === undefined
      ? check(action, objectArn(input))
      : check(action.replace(/(Tagging)?$/, "Version$1"), objectArn(input), {
          "s3:VersionId": input.VersionId,
        }),
  ];
const list =
  (action: string) =>
  (input: { Bucket: string | undefined; Prefix?: string; Delimiter?: string; MaxKeys?: number }): Check[] => [
    check(action, bucketArn(input), {
      "s3:prefix": input.Prefix ?? "",
      "s3:delimiter": input.Delimiter,
      "s3:max-keys": input.MaxKeys?.toString(),
    }),
  ];

interface Write extends Target {
  Tagging?: string | undefined;
  ACL?: string | undefined;
  IfMatch?: string | undefined;
  IfNoneMatch?: string | undefined;
}
const write =
  (creation: "true" | "false") =>
  (input: Write): Check[] => {
    const tags = objectTags([...new URLSearchParams(input.Tagging)].map(([Key, Value]) => ({ Key, Value })));
    return [
      check("s3:PutObject", objectArn(input), {
        "s3:if-match": input.IfMatch,
        "s3:if-none-match": input.IfNoneMatch,
        "s3:ObjectCreationOperation": creation,
        ...tags,
      }),
      ...(input.Tagging === undefined ? [] : [check("s3:PutObjectTagging", objectArn(input), tags)]),
      ...(input.ACL === undefined ? [] : [check("s3:PutObjectAcl", objectArn(input))]),
    ];
  };

/** Tags of objects have condition keys of their own. */
function objectTags(tags: readonly S3.Tag[]): Check["context"] {
  if (tags.length === 0) return {};
  return {
    ...Object.fromEntries(tags.map((t) => [`s3:RequestObjectTag/${t.Key ?? ""}`, t.Value ?? ""])),
    "s3:RequestObjectTagKeys": tags.map((t) => t.Key ?? ""),
  };
}

function source(copySource: string | undefined): Check {
  const [path = "", versionId] = (copySource ?? "").split("?versionId=");
  const [, Bucket, Key] = /^\/?([^/]+)\/(.+)$/s.exec(decodeURIComponent(path)) ?? [];
  if (Bucket === undefined || Key === undefined) throw new ContractError(`copy source ${copySource ?? ""}`);
  return check(versionId === undefined ? "s3:GetObject" : "s3:GetObjectVersion", objectArn({ Bucket, Key }));
}

/**
 * Which permissions S3 asks for, by operation (Service Authorization Reference, "Amazon S3"; S3 API Reference,
 * "Permissions"). AWS decides DeleteObjects key by key; here one key that may not go refuses the whole call.
 */
export const s3: Mapping = {
  GetObject: onVersion("s3:GetObject"),
  HeadObject: onVersion("s3:GetObject"),
  GetObjectAttributes: onVersion("s3:GetObject"),
  GetObjectTagging: onVersion("s3:GetObjectTagging"),
  PutObjectTagging: (input: S3.PutObjectTaggingCommandInput) =>
    onVersion("s3:PutObjectTagging")(input).map((c) => ({
      ...c,
      context: { ...c.context, ...objectTags(input.Tagging?.TagSet ?? []) },
    })),
  DeleteObjectTagging: onVersion("s3:DeleteObjectTagging"),
  PutObject: write("true"),
  CreateMultipartUpload: write("false"),
  UploadPart: write("false"),
  CompleteMultipartUpload: write("true"),
  AbortMultipartUpload: onObject("s3:AbortMultipartUpload"),
  ListParts: onObject("s3:ListMultipartUploadParts"),
  ListMultipartUploads: onBucket("s3:ListBucketMultipartUploads"),
  CopyObject: (input: S3.CopyObjectCommandInput) => [source(input.CopySource), ...write("true")(input)],
  UploadPartCopy: (input: S3.UploadPartCopyCommandInput) => [
    source(input.CopySource),
    ...write("false")({ Bucket: input.Bucket, Key: input.Key }),
  ],
  DeleteObject: onVersion("s3:DeleteObject"),
  DeleteObjects: (input: S3.DeleteObjectsCommandInput) =>
    (input.Delete?.Objects ?? []).flatMap((object) =>
      onVersion("s3:DeleteObject")({ Bucket: input.Bucket, Key: object.Key, VersionId: object.VersionId }),
    ),
  ListObjectsV2: list("s3:ListBucket"),
  ListObjects: list("s3:ListBucket"),
  ListObjectVersions: list("s3:ListBucketVersions"),
  HeadBucket: onBucket("s3:ListBucket"),
  ListBuckets: () => [check("s3:ListAllMyBuckets", "*")],
  CreateBucket: onBucket("s3:CreateBucket"),
  DeleteBucket: onBucket("s3:DeleteBucket"),
  GetBucketLocation: onBucket("s3:GetBucketLocation"),
  GetBucketVersioning: onBucket("s3:GetBucketVersioning"),
  PutBucketVersioning: onBucket("s3:PutBucketVersioning"),
  GetBucketPolicy: onBucket("s3:GetBucketPolicy"),
  GetBucketPolicyStatus: onBucket("s3:GetBucketPolicyStatus"),
  PutBucketPolicy: onBucket("s3:PutBucketPolicy"),
  DeleteBucketPolicy: onBucket("s3:DeleteBucketPolicy"),
  GetPublicAccessBlock: onBucket("s3:GetBucketPublicAccessBlock"),
  PutPublicAccessBlock: onBucket("s3:PutBucketPublicAccessBlock"),
  DeletePublicAccessBlock: onBucket("s3:PutBucketPublicAccessBlock"),
  GetBucketEncryption: onBucket("s3:GetEncryptionConfiguration"),
  PutBucketEncryption: onBucket("s3:PutEncryptionConfiguration"),
  DeleteBucketEncryption: onBucket("s3:PutEncryptionConfiguration"),
  GetBucketLifecycleConfiguration: onBucket("s3:GetLifecycleConfiguration"),
  PutBucketLifecycleConfiguration: onBucket("s3:PutLifecycleConfiguration"),
  DeleteBucketLifecycle: onBucket("s3:PutLifecycleConfiguration"),
  GetBucketTagging: onBucket("s3:GetBucketTagging"),
  PutBucketTagging: onBucket("s3:PutBucketTagging"),
  DeleteBucketTagging: onBucket("s3:PutBucketTagging"),
  GetBucketOwnershipControls: onBucket("s3:GetBucketOwnershipControls"),
  PutBucketOwnershipControls: onBucket("s3:PutBucketOwnershipControls"),
};
