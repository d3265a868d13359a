import {
  CreateBucketCommand,
  DeleteBucketCommand,
  DeleteObjectsCommand,
  DeleteObjectTaggingCommand,
  GetBucketEncryptionCommand,
  GetBucketLifecycleConfigurationCommand,
  GetBucketPolicyCommand,
  GetBucketTaggingCommand,
  GetBucketVersioningCommand,
  GetPublicAccessBlockCommand,
  HeadBucketCommand,
  ListObjectVersionsCommand,
  type ListObjectVersionsCommandInput,
  type ObjectIdentifier,
  PutBucketEncryptionCommand,
  PutBucketLifecycleConfigurationCommand,
  PutBucketPolicyCommand,
  PutBucketTaggingCommand,
  PutBucketVersioningCommand,
  PutObjectTaggingCommand,
  PutPublicAccessBlockCommand,
  type S3Client,
  type LifecycleRule as WireRule,
} from "@aws-sdk/client-s3";
import { EverspotError } from "../../agent/site/errors.ts";
import { SITE_TAG } from "../../agent/site/names.ts";
import { omitUndefined } from "../../agent/site/omit-undefined.ts";
import { EXPIRE_TAG, type LifecycleRule } from "../wanted/bucket-rules.ts";
import type { PolicyDocument } from "../wanted/policy.ts";
import { hasCode, ignoring, named } from "./errors.ts";
import { siteTags, tagOf } from "./tags.ts";

export interface BucketSeen {
  /** The value of the site's tag. */
  site: string | undefined;
  versioned: boolean;
  /** Whether all four ways of making anything public are blocked. */
  privateOnly: boolean;
  encrypted: boolean;
  policy: unknown;
  lifecycle: LifecycleRule[];
}

/** The site's bucket as a resource; its contents go through ObjectStore. Every call may be repeated. */
export interface Bucket {
  readonly name: string;
  /** @throws EverspotError when a bucket of that name belongs to another account. */
  look(): Promise<BucketSeen | undefined>;
  create(): Promise<void>;
  tag(): Promise<void>;
  blockPublicAccess(): Promise<void>;
  version(): Promise<void>;
  encrypt(): Promise<void>;
  setPolicy(policy: PolicyDocument): Promise<void>;
  setLifecycle(rules: readonly LifecycleRule[]): Promise<void>;
  /** Lets the lifecycle delete this object, which was superseded. */
  expire(key: string): Promise<void>;
  /** Keeps such an object after all. */
  keep(key: string): Promise<void>;
  /** What it holds, in whatever version, by the first part of the keys: "releases/", "site.json". */
  prefixes(): Promise<string[]>;
  /** Deletes every version of every object, but for those below `keep`. */
  empty(keep?: string): Promise<void>;
  delete(): Promise<void>;
}

/** S3 takes no LocationConstraint for its oldest region. */
const HOME = "us-east-1";

export function createBucket(client: S3Client, name: string, site: string, region: string): Bucket {
  const bucket = { Bucket: name };
  const doing = (what: string) => `${what} the bucket ${name}`;
  return {
    name,
    look: () => named(doing("looking at"), () => look(client, name)),
    create: () =>
      named(doing("creating"), async () => {
        const place =
          region === HOME ? {} : { CreateBucketConfiguration: { LocationConstraint: region as never } };
        await client
          .send(new CreateBucketCommand({ ...bucket, ...place }))
          .catch(ignoring("BucketAlreadyOwnedByYou"));
      }),
    tag: () =>
      named(doing("tagging"), async () => {
        await client.send(new PutBucketTaggingCommand({ ...bucket, Tagging: { TagSet: siteTags(site) } }));
      }),
    blockPublicAccess: () =>
      named(doing("blocking public access to"), async () => {
        const all = {
          BlockPublicAcls: true,
          IgnorePublicAcls: true,
          BlockPublicPolicy: true,
          RestrictPublicBuckets: true,
        };
        await client.send(
          new PutPublicAccessBlockCommand({ ...bucket, PublicAccessBlockConfiguration: all }),
        );
      }),
    version: () =>
      named(doing("switching on versions in"), async () => {
        const on = { VersioningConfiguration: { Status: "Enabled" as const } };
        await client.send(new PutBucketVersioningCommand({ ...bucket, ...on }));
      }),
    encrypt: () =>
      named(doing("encrypting"), async () => {
        const rules = [{ ApplyServerSideEncryptionByDefault: { SSEAlgorithm: "AES256" as const } }];
        await client.send(
          new PutBucketEncryptionCommand({ ...bucket, ServerSideEncryptionConfiguration: { Rules: rules } }),
        );
      }),
    setPolicy: (policy) =>
      named(doing("setting the policy of"), async () => {
        await client.send(new PutBucketPolicyCommand({ ...bucket, Policy: JSON.stringify(policy) }));
      }),
    setLifecycle: (rules) =>
      named(doing("setting the lifecycle of"), async () => {
        await client.send(
          new PutBucketLifecycleConfigurationCommand({
            ...bucket,
            LifecycleConfiguration: { Rules: fromLifecycle(rules) },
          }),
        );
      }),
    expire: (key) =>
      named(`marking ${key} as superseded`, async () => {
        const Tagging = { TagSet: [{ Key: EXPIRE_TAG.key, Value: EXPIRE_TAG.value }] };
        await client.send(new PutObjectTaggingCommand({ ...bucket, Key: key, Tagging }));
      }),
    keep: (key) =>
      named(`keeping ${key}`, async () => {
        await client.send(new DeleteObjectTaggingCommand({ ...bucket, Key: key }));
      }),
    prefixes: () =>
      named(doing("looking into"), async () => {
        const page = await client.send(new ListObjectVersionsCommand({ ...bucket, Delimiter: "/" }));
        const keys = [...(page.Versions ?? []), ...(page.DeleteMarkers ?? [])].map((v) => v.Key ?? "");
        return [...new Set([...keys, ...(page.CommonPrefixes ?? []).map((p) => p.Prefix ?? "")])];
      }),
    empty: (keep) => named(doing("emptying"), () => empty(client, name, keep)),
    delete: () =>
      named(doing("deleting"), async () => {
        await client.send(new DeleteBucketCommand(bucket)).catch(ignoring("NoSuchBucket"));
      }),
  };
}

async function look(client: S3Client, name: string): Promise<BucketSeen | undefined> {
  const bucket = { Bucket: name };
  try {
    await client.send(new HeadBucketCommand(bucket));
  } catch (error) {
    if (hasCode(error, "NotFound", "NoSuchBucket")) return undefined;
    const status = (error as { $metadata?: { httpStatusCode?: number } }).$metadata?.httpStatusCode;
    if (status !== 403 && status !== 301) throw error;
    throw new EverspotError(
      `the bucket ${name} cannot be used: it belongs to another account, or access is denied`,
      {
        resource: `s3://${name}`,
        hint: "the credentials in use must allow s3:ListBucket on it (`everspot permissions` prints all that is needed); if it is another account's, give the site another name",
        cause: error,
      },
    );
  }
  /** For each setting, S3 has an error of its own that means "not set". */
  const optional = <T>(call: Promise<T>): Promise<T | undefined> =>
    call.catch((error: unknown) => {
      if (error instanceof Error && /^NoSuch|NotFoundError$/.test(error.name)) return undefined;
      throw error;
    });
  const [tags, versioning, block, encryption, policy, lifecycle] = await Promise.all([
    optional(client.send(new GetBucketTaggingCommand(bucket))),
    client.send(new GetBucketVersioningCommand(bucket)),
    optional(client.send(new GetPublicAccessBlockCommand(bucket))),
    optional(client.send(new GetBucketEncryptionCommand(bucket))),
    optional(client.send(new GetBucketPolicyCommand(bucket))),
    optional(client.send(new GetBucketLifecycleConfigurationCommand(bucket))),
  ]);
  const blocked = block?.PublicAccessBlockConfiguration;
  const rules = encryption?.ServerSideEncryptionConfiguration?.Rules ?? [];
  return {
    site: tagOf(tags?.TagSet, SITE_TAG),
    versioned: versioning.Status === "Enabled",
    privateOnly:
      blocked?.BlockPublicAcls === true &&
      blocked.IgnorePublicAcls === true &&
      blocked.BlockPublicPolicy === true &&
      blocked.RestrictPublicBuckets === true,
    encrypted: rules.some((r) => r.ApplyServerSideEncryptionByDefault?.SSEAlgorithm !== undefined),
    policy: policy?.Policy === undefined ? undefined : JSON.parse(policy.Policy),
    lifecycle: toLifecycle(lifecycle?.Rules ?? []),
  };
}

/** Until nothing is found any more: something may still be written. */
async function empty(client: S3Client, name: string, keep: string | undefined): Promise<void> {
  for (let deleted = true; deleted; ) {
    deleted = false;
    for await (const found of pagesOfVersions(client, name)) {
      const doomed = found.filter(({ Key }) => keep === undefined || Key?.startsWith(keep) !== true);
      if (doomed.length === 0) continue;
      await remove(client, name, doomed);
      deleted = true;
    }
  }
}

/** No more of them at a time than DeleteObjects takes: 1,000 (S3 API Reference). */
async function* pagesOfVersions(client: S3Client, name: string): AsyncGenerator<ObjectIdentifier[]> {
  let after: Pick<ListObjectVersionsCommandInput, "KeyMarker" | "VersionIdMarker"> | undefined = {};
  while (after !== undefined) {
    const command: ListObjectVersionsCommand = new ListObjectVersionsCommand({ Bucket: name, ...after });
    const page = await client.send(command).catch(ignoring("NoSuchBucket"));
    const found = [...(page?.Versions ?? []), ...(page?.DeleteMarkers ?? [])];
    yield found.map(({ Key, VersionId }) => ({ Key, VersionId }));
    after =
      page?.IsTruncated === true
        ? { KeyMarker: page.NextKeyMarker, VersionIdMarker: page.NextVersionIdMarker }
        : undefined;
  }
}

async function remove(client: S3Client, name: string, objects: ObjectIdentifier[]): Promise<void> {
  const answer = await client.send(
    new DeleteObjectsCommand({ Bucket: name, Delete: { Objects: objects, Quiet: true } }),
  );
  const failed = answer.Errors?.[0];
  if (failed === undefined) return;
  throw new EverspotError(
    `${failed.Key ?? "an object"} could not be deleted: ${failed.Message ?? failed.Code}`,
    { resource: `s3://${name}/${failed.Key ?? ""}` },
  );
}

function fromLifecycle(rules: readonly LifecycleRule[]): WireRule[] {
  return rules.map((rule) => ({
    ID: rule.id,
    Status: "Enabled",
    Filter: rule.superseded
      ? { And: { Prefix: rule.prefix, Tags: [{ Key: EXPIRE_TAG.key, Value: EXPIRE_TAG.value }] } }
      : { Prefix: rule.prefix },
    Expiration: rule.expireDays === undefined ? undefined : { Days: rule.expireDays },
    NoncurrentVersionExpiration:
      rule.noncurrentDays === undefined ? undefined : { NoncurrentDays: rule.noncurrentDays },
    AbortIncompleteMultipartUpload:
      rule.abortUploadDays === undefined ? undefined : { DaysAfterInitiation: rule.abortUploadDays },
  }));
}

/** Disabled rules count as missing. */
function toLifecycle(rules: readonly WireRule[]): LifecycleRule[] {
  return rules
    .filter((rule) => rule.Status === "Enabled")
    .map((rule) => ({
      id: rule.ID ?? "",
      prefix: rule.Filter?.And?.Prefix ?? rule.Filter?.Prefix ?? "",
      ...(rule.Filter?.And?.Tags?.some((t) => t.Key === EXPIRE_TAG.key) && { superseded: true }),
      ...omitUndefined({
        expireDays: rule.Expiration?.Days,
        noncurrentDays: rule.NoncurrentVersionExpiration?.NoncurrentDays,
        abortUploadDays: rule.AbortIncompleteMultipartUpload?.DaysAfterInitiation,
      }),
    }));
}
