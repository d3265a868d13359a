import type { LifecycleRule } from "@aws-sdk/client-s3";
import { AwsError, ContractError } from "../wire/errors.ts";
import type { Bucket } from "./bucket.ts";
import type { Version } from "./stored.ts";

const DAY_MS = 86_400_000;

/** @throws AwsError as S3 does; ContractError for what is not modelled. */
export function assertRules(rules: readonly LifecycleRule[]): void {
  const malformed = new AwsError(
    "MalformedXML",
    "The XML you provided was not well-formed or did not validate against our published schema",
  );
  if (rules.length === 0 || rules.length > 1000) throw malformed;
  const ids = rules.flatMap((rule) => (rule.ID === undefined ? [] : [rule.ID]));
  if (new Set(ids).size !== ids.length) {
    throw new AwsError("InvalidArgument", "RuleId must be unique. Found same ID for more than one rule");
  }
  for (const rule of rules) {
    if (rule.Filter === undefined && rule.Prefix === undefined) throw malformed;
    if (rule.Transitions !== undefined || rule.NoncurrentVersionTransitions !== undefined) {
      throw new ContractError(`lifecycle rule ${rule.ID}: transitions are not modelled`);
    }
    const days = [
      rule.Expiration?.Days,
      rule.NoncurrentVersionExpiration?.NoncurrentDays,
      rule.AbortIncompleteMultipartUpload?.DaysAfterInitiation,
    ].filter((d) => d !== undefined);
    if (days.length === 0 && !rule.Expiration) {
      throw new AwsError("InvalidRequest", "At least one action needs to be specified in a rule");
    }
    if (days.some((d) => d < 1)) {
      throw new AwsError("InvalidArgument", "'Days' for Expiration action must be a positive integer");
    }
  }
}

/** Does what the rules ask for at a time; S3 does so once a day, some time after it is due. */
export function expire(bucket: Bucket, rules: readonly LifecycleRule[], now: number): void {
  for (const rule of rules) {
    if (rule.Status !== "Enabled") continue;
    expireCurrent(bucket, rule, now);
    expireNoncurrent(bucket, rule, now);
    if (rule.Expiration?.ExpiredObjectDeleteMarker) removeLoneMarkers(bucket, rule);
    const days = rule.AbortIncompleteMultipartUpload?.DaysAfterInitiation;
    for (const upload of days === undefined ? [] : [...bucket.uploads.values()]) {
      if (upload.key.startsWith(prefixOf(rule)) && isDue(upload.initiated, days ?? 0, now)) {
        bucket.uploads.delete(upload.id);
      }
    }
  }
}

function expireCurrent(bucket: Bucket, rule: LifecycleRule, now: number): void {
  const { Days, Date: date } = rule.Expiration ?? {};
  for (const object of bucket.objects(prefixOf(rule))) {
    const due =
      Days !== undefined ? isDue(object.modified, Days, now) : date !== undefined && date.getTime() <= now;
    if (due && applies(rule, object)) bucket.delete(object.key, undefined, now);
  }
}

function expireNoncurrent(bucket: Bucket, rule: LifecycleRule, now: number): void {
  const { NoncurrentDays, NewerNoncurrentVersions = 0 } = rule.NoncurrentVersionExpiration ?? {};
  if (NoncurrentDays === undefined) return;
  for (const versions of bucket.histories(prefixOf(rule))) {
    const noncurrent = versions
      .slice(1)
      .map((version, i) => ({ version, since: versions[i]?.modified ?? now }));
    for (const { version, since } of noncurrent.slice(NewerNoncurrentVersions)) {
      if (isDue(since, NoncurrentDays, now) && applies(rule, version))
        bucket.delete(version.key, version.id, now);
    }
  }
}

function removeLoneMarkers(bucket: Bucket, rule: LifecycleRule): void {
  for (const [only, another] of bucket.histories(prefixOf(rule))) {
    if (only?.marker && another === undefined) bucket.delete(only.key, only.id, only.modified);
  }
}

/** Due at the midnight UTC after the given number of days. */
const isDue = (since: number, days: number, now: number): boolean =>
  Math.ceil((since + days * DAY_MS) / DAY_MS) * DAY_MS <= now;

const prefixOf = (rule: LifecycleRule): string =>
  rule.Filter?.Prefix ?? rule.Filter?.And?.Prefix ?? rule.Prefix ?? "";

/** The filter's other parts: tags and sizes; a delete marker has neither. */
function applies(rule: LifecycleRule, version: Version): boolean {
  const { Filter } = rule;
  const tags = [...(Filter?.Tag ? [Filter.Tag] : []), ...(Filter?.And?.Tags ?? [])];
  const above = Filter?.ObjectSizeGreaterThan ?? Filter?.And?.ObjectSizeGreaterThan;
  const below = Filter?.ObjectSizeLessThan ?? Filter?.And?.ObjectSizeLessThan;
  if (version.marker) return tags.length === 0 && above === undefined && below === undefined;
  const size = version.body.byteLength;
  return (
    tags.every((tag) => version.tags.some((t) => t.Key === tag.Key && t.Value === tag.Value)) &&
    size > (above ?? -1) &&
    size < (below ?? Number.POSITIVE_INFINITY)
  );
}
