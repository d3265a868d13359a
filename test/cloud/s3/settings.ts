import { randomUUID } from "node:crypto";
import type {
  BucketLifecycleConfiguration,
  PutBucketVersioningCommandInput,
  ServerSideEncryptionConfiguration,
  Tag,
} from "@aws-sdk/client-s3";
import { AwsError, ContractError } from "../wire/errors.ts";
import type { WireServer } from "../wire/server.ts";
import { assertModelled, bucketOf, type S3Context } from "./context.ts";
import { assertRules } from "./lifecycle.ts";
import { assertTags } from "./tags.ts";
import { CHECKSUMS } from "./versions.ts";

/** A setting of a bucket that is put, got and deleted as a whole. */
interface Setting {
  /** The names of its operations end so. */
  name: string;
  put: string;
  get: string;
  delete: string;
  /** The member of the input that holds it, and what is kept of it: the output of `get`. */
  member: string;
  keep(value: never): object;
  /** What `get` answers when it was never put. */
  initial: object | AwsError;
  /** What `get` answers after a delete, when that is not the initial state. */
  deleted?: AwsError;
}

const missing = (code: string, message: string): AwsError => new AwsError(code, message, 404);

const SETTINGS: readonly Setting[] = [
  {
    name: "Tagging",
    put: "PutBucketTagging",
    get: "GetBucketTagging",
    delete: "DeleteBucketTagging",
    member: "Tagging",
    keep: ({ TagSet }: { TagSet: Tag[] }) => {
      assertTags(TagSet);
      return { TagSet };
    },
    initial: missing("NoSuchTagSet", "The TagSet does not exist"),
  },
  {
    name: "Lifecycle",
    put: "PutBucketLifecycleConfiguration",
    get: "GetBucketLifecycleConfiguration",
    delete: "DeleteBucketLifecycle",
    member: "LifecycleConfiguration",
    keep: ({ Rules = [] }: BucketLifecycleConfiguration) => {
      assertRules(Rules);
      return {
        Rules: Rules.map((rule) => ({ ...rule, ID: rule.ID ?? randomUUID() })),
        TransitionDefaultMinimumObjectSize: "all_storage_classes_128K",
      };
    },
    initial: missing("NoSuchLifecycleConfiguration", "The lifecycle configuration does not exist"),
  },
  {
    name: "Policy",
    put: "PutBucketPolicy",
    get: "GetBucketPolicy",
    delete: "DeleteBucketPolicy",
    member: "Policy",
    keep: (Policy: string) => {
      assertPolicy(Policy);
      return { Policy };
    },
    initial: missing("NoSuchBucketPolicy", "The bucket policy does not exist"),
  },
  {
    name: "Encryption",
    put: "PutBucketEncryption",
    get: "GetBucketEncryption",
    delete: "DeleteBucketEncryption",
    member: "ServerSideEncryptionConfiguration",
    keep: ({ Rules = [] }: ServerSideEncryptionConfiguration) => ({
      ServerSideEncryptionConfiguration: {
        Rules: Rules.map((rule) => ({ ...rule, BucketKeyEnabled: rule.BucketKeyEnabled ?? false })),
      },
    }),
    initial: {
      ServerSideEncryptionConfiguration: {
        Rules: [{ ApplyServerSideEncryptionByDefault: { SSEAlgorithm: "AES256" }, BucketKeyEnabled: false }],
      },
    },
  },
  {
    name: "PublicAccessBlock",
    put: "PutPublicAccessBlock",
    get: "GetPublicAccessBlock",
    delete: "DeletePublicAccessBlock",
    member: "PublicAccessBlockConfiguration",
    keep: (given: object) => ({
      PublicAccessBlockConfiguration: { ...blockPublicAccess(false), ...given },
    }),
    initial: { PublicAccessBlockConfiguration: blockPublicAccess(true) },
    deleted: missing(
      "NoSuchPublicAccessBlockConfiguration",
      "The public access block configuration was not found",
    ),
  },
  {
    name: "OwnershipControls",
    put: "PutBucketOwnershipControls",
    get: "GetBucketOwnershipControls",
    delete: "DeleteBucketOwnershipControls",
    member: "OwnershipControls",
    keep: (OwnershipControls: object) => ({ OwnershipControls }),
    initial: { OwnershipControls: { Rules: [{ ObjectOwnership: "BucketOwnerEnforced" }] } },
    deleted: missing("OwnershipControlsNotFoundError", "The bucket ownership controls were not found"),
  },
];

/** https://docs.aws.amazon.com/AmazonS3/latest/userguide/create-bucket-faq.html: all on for new buckets. */
function blockPublicAccess(on: boolean) {
  return { BlockPublicAcls: on, IgnorePublicAcls: on, BlockPublicPolicy: on, RestrictPublicBuckets: on };
}

interface OnBucket {
  Bucket: string | undefined;
  ExpectedBucketOwner?: string;
}

/** Versioning and everything else a bucket is set up with. The policy is kept, not enforced. */
export function serveSettings(server: WireServer, context: S3Context): void {
  for (const setting of SETTINGS) serveSetting(server, context, setting);
  server.on("s3", "PutBucketVersioning", (input: PutBucketVersioningCommandInput, call) => {
    assertModelled(call, ["VersioningConfiguration", ...CHECKSUMS]);
    const { Status, MFADelete } = input.VersioningConfiguration ?? {};
    if (MFADelete !== undefined) throw new ContractError("s3.PutBucketVersioning: MFADelete is not modelled");
    if (Status !== "Enabled" && Status !== "Suspended") {
      throw new AwsError(
        "IllegalVersioningConfigurationException",
        "The Versioning element must be specified",
      );
    }
    bucketOf(context, input, call).setVersioning(Status, context.now());
    return {};
  });
  server.on("s3", "GetBucketVersioning", (input: OnBucket, call) => {
    const { versioning } = bucketOf(context, input, call);
    return versioning === undefined ? {} : { Status: versioning };
  });
}

function serveSetting(server: WireServer, context: S3Context, setting: Setting): void {
  server.on("s3", setting.put, (input: OnBucket & Record<string, unknown>, call) => {
    assertModelled(call, [setting.member, ...CHECKSUMS]);
    const bucket = bucketOf(context, input, call);
    bucket.settings.set(setting.name, setting.keep(input[setting.member] as never));
    return {};
  });
  server.on("s3", setting.get, (input: OnBucket, call) => {
    const bucket = bucketOf(context, input, call);
    const found = bucket.settings.get(setting.name) ?? setting.initial;
    if (found instanceof AwsError) {
      throw new AwsError(found.code, found.message, found.status, { BucketName: bucket.name });
    }
    return found;
  });
  server.on("s3", setting.delete, (input: OnBucket, call) => {
    const { settings } = bucketOf(context, input, call);
    if (setting.deleted === undefined) settings.delete(setting.name);
    else settings.set(setting.name, setting.deleted);
    return {};
  });
}

function assertPolicy(policy: string): void {
  const malformed = (message: string): AwsError => new AwsError("MalformedPolicy", message);
  let parsed: { Version?: unknown; Statement?: unknown };
  try {
    parsed = JSON.parse(policy);
  } catch {
    throw malformed("Policies must be valid JSON and the first byte must be '{'");
  }
  if (parsed.Version !== "2012-10-17" && parsed.Version !== "2008-10-17") {
    throw malformed("The policy must contain a valid version string");
  }
  const statements = [parsed.Statement].flat() as Record<string, unknown>[];
  for (const statement of statements) {
    for (const field of ["Effect", "Principal", "Action", "Resource"]) {
      const negated = `Not${field}`;
      if (statement?.[field] === undefined && statement?.[negated] === undefined) {
        throw malformed(`Missing required field ${field}`);
      }
    }
  }
}
