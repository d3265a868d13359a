import type { LifecycleRule as Wire } from "@aws-sdk/client-s3";
import { EXPIRE_TAG, type LifecycleRule } from "../wanted/bucket-rules.ts";

export function fromLifecycle(rules: readonly LifecycleRule[]): Wire[] {
  return rules.map((rule) => ({
    ID: rule.id,
    Status: "Enabled",
    Filter: rule.superseded
      ? { And: { Prefix: rule.prefix, Tags: [{ Key: EXPIRE_TAG.key, Value: EXPIRE_TAG.value }] } }
      : { Prefix: rule.prefix },
    ...(rule.expireDays === undefined ? {} : { Expiration: { Days: rule.expireDays } }),
    ...(rule.noncurrentDays === undefined
      ? {}
      : { NoncurrentVersionExpiration: { NoncurrentDays: rule.noncurrentDays } }),
    ...(rule.abortUploadDays === undefined
      ? {}
      : { AbortIncompleteMultipartUpload: { DaysAfterInitiation: rule.abortUploadDays } }),
  }));
}

/** Disabled rules count as missing. */
export function toLifecycle(rules: readonly Wire[]): LifecycleRule[] {
  return rules
    .filter((rule) => rule.Status === "Enabled")
    .map((rule) => ({
      id: rule.ID ?? "",
      prefix: rule.Filter?.And?.Prefix ?? rule.Filter?.Prefix ?? "",
      ...(rule.Filter?.And?.Tags?.some((t) => t.Key === EXPIRE_TAG.key) ? { superseded: true } : {}),
      ...(rule.Expiration?.Days === undefined ? {} : { expireDays: rule.Expiration.Days }),
      ...(rule.NoncurrentVersionExpiration?.NoncurrentDays === undefined
        ? {}
        : { noncurrentDays: rule.NoncurrentVersionExpiration.NoncurrentDays }),
      ...(rule.AbortIncompleteMultipartUpload?.DaysAfterInitiation === undefined
        ? {}
        : { abortUploadDays: rule.AbortIncompleteMultipartUpload.DaysAfterInitiation }),
    }));
}
