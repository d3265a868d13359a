import type { LifecycleRule as Wire } from "@aws-sdk/client-s3";
import { omitUndefined } from "../../agent/site/omit-undefined.ts";
import { EXPIRE_TAG, type LifecycleRule } from "../wanted/bucket-rules.ts";

export function fromLifecycle(rules: readonly LifecycleRule[]): Wire[] {
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
export function toLifecycle(rules: readonly Wire[]): LifecycleRule[] {
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
