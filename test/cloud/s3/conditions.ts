import { AwsError } from "../wire/errors.ts";
import type { ObjectVersion } from "./stored.ts";

export const preconditionFailed = (condition: string): AwsError =>
  new AwsError("PreconditionFailed", "At least one of the pre-conditions you specified did not hold", 412, {
    Condition: condition,
  });

/** ETags may be given with or without quotes. */
const unquoted = (etag: string): string => etag.replace(/^"|"$/g, "");
export const sameEtag = (a: string, b: string): boolean => unquoted(a) === unquoted(b);

/**
 * Conditions of a write. A delete marker counts as no object.
 * https://docs.aws.amazon.com/AmazonS3/latest/userguide/conditional-writes.html
 * @throws AwsError 412, or 404 for If-Match on a key that has no object.
 */
export function assertMayWrite(
  key: string,
  current: ObjectVersion | undefined,
  conditions: { IfMatch?: string | undefined; IfNoneMatch?: string | undefined },
): void {
  const { IfMatch, IfNoneMatch } = conditions;
  const notImplemented = (IfNoneMatch !== undefined && IfNoneMatch !== "*") || (IfMatch && IfNoneMatch);
  if (notImplemented) {
    throw new AwsError(
      "NotImplemented",
      "A header you provided implies functionality that is not implemented",
      501,
      { Header: IfNoneMatch === "*" ? "If-Match" : "If-None-Match" },
    );
  }
  if (IfNoneMatch === "*" && current !== undefined) throw preconditionFailed("If-None-Match");
  if (IfMatch === undefined) return;
  if (current === undefined) {
    throw new AwsError("NoSuchKey", "The specified key does not exist.", 404, { Key: key });
  }
  if (!sameEtag(IfMatch, current.etag)) throw preconditionFailed("If-Match");
}

interface ReadConditions {
  IfMatch?: string | undefined;
  IfNoneMatch?: string | undefined;
  IfModifiedSince?: Date | undefined;
  IfUnmodifiedSince?: Date | undefined;
}

/** Conditions of a read, in the order of RFC 9110 §13.2.2. @throws AwsError 412 or 304. */
export function assertMayRead(version: ObjectVersion, conditions: ReadConditions): void {
  const { IfMatch, IfNoneMatch, IfModifiedSince, IfUnmodifiedSince } = conditions;
  const among = (etags: string): boolean =>
    etags.split(",").some((etag) => etag.trim() === "*" || sameEtag(etag.trim(), version.etag));
  if (IfMatch !== undefined) {
    if (!among(IfMatch)) throw preconditionFailed("If-Match");
  } else if (IfUnmodifiedSince !== undefined && version.modified > IfUnmodifiedSince.getTime()) {
    throw preconditionFailed("If-Unmodified-Since");
  }
  if (IfNoneMatch !== undefined) {
    if (among(IfNoneMatch)) throw notModified(version);
  } else if (IfModifiedSince !== undefined && version.modified <= IfModifiedSince.getTime()) {
    throw notModified(version);
  }
}

const notModified = (version: ObjectVersion): AwsError =>
  new AwsError(
    "NotModified",
    "Not Modified",
    304,
    {},
    {
      etag: version.etag,
      "last-modified": new Date(version.modified).toUTCString(),
    },
  );
