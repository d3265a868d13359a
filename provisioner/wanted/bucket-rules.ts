import { LOG_PREFIX } from "../../agent/site/state/keys.ts";
import type { PolicyDocument } from "./policy.ts";

/** S3 expires objects that carry this tag; it is set when a release, layer or agent is superseded. */
export const EXPIRE_TAG = { key: "everspot:expire", value: "true" } as const;

export interface LifecycleRule {
  id: string;
  prefix: string;
  /** Only objects that carry EXPIRE_TAG. */
  superseded?: boolean;
  /** Days after creation. */
  expireDays?: number;
  /** Days after an object was overwritten or deleted. */
  noncurrentDays?: number;
  /** Days after an upload in parts began. */
  abortUploadDays?: number;
}

/**
 * Age alone says nothing about a release: the one that serves may be years old. So what was superseded is marked by a
 * tag, and only the history and what can be made again expire by age.
 */
export const lifecycle: readonly LifecycleRule[] = [
  { id: "superseded-releases", prefix: "releases/", superseded: true, expireDays: 30 },
  { id: "superseded-layers", prefix: "layers/", superseded: true, expireDays: 7 },
  // From an older everspot; nothing reads it any more.
  { id: "old-bytecode", prefix: "layers/bytecode/", expireDays: 90 },
  { id: "superseded-agents", prefix: "agent/", superseded: true, expireDays: 7 },
  { id: "old-boots", prefix: "boots/", expireDays: 365 },
  // Asked for when a later release serves. That of a machine that served for longer is missed by pages left open.
  { id: "old-static", prefix: "static/", expireDays: 365 },
  { id: "old-looks", prefix: "looks/", expireDays: 365 },
  { id: "old-history", prefix: "history/", expireDays: 365 },
  // What commands read and wrote: whoever asked for it has it.
  { id: "old-runs", prefix: "runs/", expireDays: 1, noncurrentDays: 1 },
  // Written before each run of a job, and after it.
  { id: "old-jobs", prefix: "jobs/", noncurrentDays: 1 },
  { id: "old-versions", prefix: "", noncurrentDays: 30, abortUploadDays: 3 },
];

/**
 * What no one may do, the site's own instances and its operator included: talk without TLS, and write an entry of the
 * state's log other than where there is none (STATE §3; agent/site/state/keys.ts). Whoever writes there unconditionally
 * would undo what another owner has acknowledged. `Null` is true of a request without the header.
 * https://docs.aws.amazon.com/AmazonS3/latest/userguide/conditional-writes-enforce.html
 */
export const bucketPolicy = (bucket: string, partition: string): PolicyDocument => ({
  Version: "2012-10-17",
  Statement: [
    {
      Sid: "OnlyTls",
      Effect: "Deny",
      Principal: "*",
      Action: "s3:*",
      Resource: [`arn:${partition}:s3:::${bucket}`, `arn:${partition}:s3:::${bucket}/*`],
      Condition: { Bool: { "aws:SecureTransport": "false" } },
    },
    {
      Sid: "OnlyNewLogEntries",
      Effect: "Deny",
      Principal: "*",
      Action: "s3:PutObject",
      Resource: `arn:${partition}:s3:::${bucket}/${LOG_PREFIX}*`,
      Condition: { Null: { "s3:if-none-match": "true" } },
    },
  ],
});
