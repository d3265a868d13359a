import type { ListObjectsV2CommandInput, ListObjectVersionsCommandInput } from "@aws-sdk/client-s3";
import { AwsError } from "../wire/errors.ts";
import type { Call, WireServer } from "../wire/server.ts";
import { type Bucket, inUtf8Order } from "./bucket.ts";
import { assertModelled, bucketOf, type S3Context } from "./context.ts";
import type { ObjectVersion, Version } from "./stored.ts";

const PAGED = ["Prefix", "Delimiter", "MaxKeys", "EncodingType"];

/** ListObjectsV2 and ListObjectVersions: both roll keys up at a delimiter and come in pages. */
export function serveListing(server: WireServer, context: S3Context): void {
  server.on("s3", "ListObjectsV2", (input: ListObjectsV2CommandInput, call) => {
    assertModelled(call, [...PAGED, "ContinuationToken", "StartAfter", "FetchOwner"]);
    return listObjects(bucketOf(context, input, call), input, context.account);
  });
  server.on("s3", "ListObjectVersions", (input: ListObjectVersionsCommandInput, call: Call) => {
    assertModelled(call, [...PAGED, "KeyMarker", "VersionIdMarker"]);
    return listVersions(bucketOf(context, input, call), input, context.account);
  });
}

type Line<T> = { item: T } | { commonPrefix: string };

/** One line for every item, or for every run of keys that share the part up to the delimiter. */
function* lines<T extends { key: string }>(
  items: Iterable<T>,
  prefix: string,
  delimiter: string,
): Generator<Line<T>> {
  let last: string | undefined;
  for (const item of items) {
    const at = delimiter === "" ? -1 : item.key.indexOf(delimiter, prefix.length);
    if (at < 0) {
      yield { item };
      continue;
    }
    const commonPrefix = item.key.slice(0, at + delimiter.length);
    if (commonPrefix !== last) yield { commonPrefix };
    last = commonPrefix;
  }
}

function page<T>(all: Iterable<Line<T>>, isPast: (line: Line<T>) => boolean, maxKeys: number) {
  const taken: Line<T>[] = [];
  for (const line of all) {
    if (isPast(line)) continue;
    if (taken.length >= maxKeys) return { taken, truncated: maxKeys > 0 };
    taken.push(line);
  }
  return { taken, truncated: false };
}

const itemsOf = <T>(taken: Line<T>[]): T[] => taken.flatMap((line) => ("item" in line ? [line.item] : []));

const prefixesOf = <T>(taken: Line<T>[], encode: Encode) => {
  const CommonPrefixes = taken.flatMap((l) =>
    "commonPrefix" in l ? [{ Prefix: encode(l.commonPrefix) }] : [],
  );
  return CommonPrefixes.length === 0 ? {} : { CommonPrefixes };
};

type Encode = (key: string) => string;
const encoder = (type: string | undefined): Encode =>
  type === "url" ? (key) => encodeURIComponent(key).replaceAll("%2F", "/") : (key) => key;

/** 1,000 at most, whatever is asked for. */
const pageSize = (maxKeys: number | undefined): number => Math.min(maxKeys ?? 1000, 1000);

function listObjects(bucket: Bucket, input: ListObjectsV2CommandInput, account: string) {
  const { Prefix = "", Delimiter = "", ContinuationToken, StartAfter, FetchOwner, EncodingType } = input;
  const after = ContinuationToken === undefined ? StartAfter : readToken(ContinuationToken);
  const encode = encoder(EncodingType);
  const all = lines(bucket.objects(Prefix), Prefix, Delimiter);
  const isPast = (line: Line<ObjectVersion>): boolean => {
    if (after === undefined) return false;
    const name = "item" in line ? line.item.key : line.commonPrefix;
    return inUtf8Order(name, after) <= 0 || (!("item" in line) && after.startsWith(name) && after !== name);
  };
  const { taken, truncated } = page(all, isPast, pageSize(input.MaxKeys));
  const last = taken.at(-1);
  const lastName = last === undefined ? "" : "item" in last ? last.item.key : last.commonPrefix;
  const Contents = itemsOf(taken).map((v) => ({
    ...listed(v, encode),
    ...(FetchOwner ? { Owner: { ID: account } } : {}),
  }));
  return {
    Name: bucket.name,
    Prefix: encode(Prefix),
    MaxKeys: pageSize(input.MaxKeys),
    KeyCount: taken.length,
    IsTruncated: truncated,
    ...(Contents.length === 0 ? {} : { Contents }),
    ...prefixesOf(taken, encode),
    ...(Delimiter === "" ? {} : { Delimiter: encode(Delimiter) }),
    ...(EncodingType === undefined ? {} : { EncodingType }),
    ...(StartAfter === undefined ? {} : { StartAfter: encode(StartAfter) }),
    ...(ContinuationToken === undefined ? {} : { ContinuationToken }),
    ...(truncated ? { NextContinuationToken: Buffer.from(lastName).toString("base64url") } : {}),
  };
}

function readToken(token: string): string {
  if (/^[\w-]+$/.test(token)) return Buffer.from(token, "base64url").toString();
  throw new AwsError("InvalidArgument", "The continuation token provided is incorrect");
}

const listed = (version: ObjectVersion, encode: Encode) => ({
  Key: encode(version.key),
  LastModified: new Date(version.modified),
  ETag: version.etag,
  Size: version.body.byteLength,
  StorageClass: version.metadata.StorageClass ?? "STANDARD",
});

function listVersions(bucket: Bucket, input: ListObjectVersionsCommandInput, account: string) {
  const { Prefix = "", Delimiter = "", KeyMarker = "", VersionIdMarker = "", EncodingType } = input;
  if (VersionIdMarker !== "" && KeyMarker === "") {
    throw new AwsError("InvalidArgument", "A version-id marker cannot be specified without a key marker.");
  }
  const encode = encoder(EncodingType);
  const all = lines(bucket.versions(Prefix), Prefix, Delimiter);
  const { taken, truncated } = page(
    all,
    versionIsPast(bucket, KeyMarker, VersionIdMarker),
    pageSize(input.MaxKeys),
  );
  const last = taken.at(-1);
  const next =
    last === undefined
      ? {}
      : "item" in last
        ? { NextKeyMarker: encode(last.item.key), NextVersionIdMarker: last.item.id }
        : { NextKeyMarker: encode(last.commonPrefix) };
  const described = itemsOf(taken).map((version) => ({
    version,
    common: {
      IsLatest: bucket.newest(version.key) === version,
      VersionId: version.id,
      Owner: { ID: account },
    },
  }));
  const Versions = described.flatMap(({ version, common }) =>
    version.marker ? [] : [{ ...listed(version, encode), ...common }],
  );
  const DeleteMarkers = described.flatMap(({ version, common }) =>
    version.marker ? [{ Key: encode(version.key), LastModified: new Date(version.modified), ...common }] : [],
  );
  return {
    Name: bucket.name,
    Prefix: encode(Prefix),
    KeyMarker: encode(KeyMarker),
    VersionIdMarker,
    MaxKeys: pageSize(input.MaxKeys),
    IsTruncated: truncated,
    ...(Versions.length === 0 ? {} : { Versions }),
    ...(DeleteMarkers.length === 0 ? {} : { DeleteMarkers }),
    ...prefixesOf(taken, encode),
    ...(Delimiter === "" ? {} : { Delimiter: encode(Delimiter) }),
    ...(EncodingType === undefined ? {} : { EncodingType }),
    ...(truncated ? next : {}),
  };
}

/** Up to and including the marker; without a version, all versions of the marker's key are past. */
function versionIsPast(bucket: Bucket, keyMarker: string, versionIdMarker: string) {
  const order = bucket
    .versions()
    .filter((v) => v.key === keyMarker)
    .map((v) => v.id);
  const markedAt = order.indexOf(versionIdMarker);
  return (line: Line<Version>): boolean => {
    if (keyMarker === "") return false;
    const name = "item" in line ? line.item.key : line.commonPrefix;
    if (name !== keyMarker || !("item" in line)) return inUtf8Order(name, keyMarker) <= 0;
    return versionIdMarker === "" || order.indexOf(line.item.id) <= markedAt;
  };
}
