import {
  DeleteObjectCommand,
  ListObjectsV2Command,
  type ListObjectsV2CommandInput,
  ListObjectVersionsCommand,
  type ListObjectVersionsCommandInput,
} from "@aws-sdk/client-s3";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { type Local, startLocal } from "./local.ts";

let local: Local;
beforeEach(async () => {
  local = await startLocal();
});
afterEach(async () => {
  expect(local.server.faults).toEqual([]);
  await local.stop();
});

const list = (more: Partial<ListObjectsV2CommandInput> = {}) =>
  local.client.send(new ListObjectsV2Command({ Bucket: "box", ...more }));
const keysOf = async (more: Partial<ListObjectsV2CommandInput> = {}) =>
  (await list(more)).Contents?.map((object) => object.Key);

/** Every page: its keys and common prefixes. */
async function pages(more: Partial<ListObjectsV2CommandInput>) {
  const found: (string | undefined)[][] = [];
  let token: string | undefined;
  do {
    const page = await list({ ...more, ...(token && { ContinuationToken: token }) });
    found.push([
      ...(page.CommonPrefixes ?? []).map((p) => p.Prefix),
      ...(page.Contents ?? []).map((o) => o.Key),
    ]);
    expect(page.KeyCount).toBe(found.at(-1)?.length);
    expect(page.IsTruncated).toBe(page.NextContinuationToken !== undefined);
    token = page.NextContinuationToken;
  } while (token !== undefined);
  return found;
}

describe("objects", () => {
  beforeEach(() => local.makeBucket("Enabled"));

  test("in UTF-8 order, below a prefix, after a key, without the deleted", async () => {
    for (const key of ["b", "a/2", "a/10", "\u{1F600}", "\uFF5E", "gone"]) await local.put(key, "x");
    await local.client.send(new DeleteObjectCommand({ Bucket: "box", Key: "gone" }));
    expect(await keysOf()).toEqual(["a/10", "a/2", "b", "\uFF5E", "\u{1F600}"]);
    expect(await keysOf({ Prefix: "a/" })).toEqual(["a/10", "a/2"]);
    expect(await keysOf({ StartAfter: "a/2" })).toEqual(["b", "\uFF5E", "\u{1F600}"]);
    expect(await keysOf({ Prefix: "none" })).toBeUndefined();
    expect((await list({ Prefix: "b" })).Contents).toMatchObject([{ Size: 1, StorageClass: "STANDARD" }]);
  });

  test("in pages, with common prefixes counted once", async () => {
    for (const key of ["a", "d/1", "d/2", "d/3", "e/1", "f"]) await local.put(key, "x");
    expect(await pages({ MaxKeys: 2 })).toEqual([
      ["a", "d/1"],
      ["d/2", "d/3"],
      ["e/1", "f"],
    ]);
    expect(await pages({ Delimiter: "/" })).toEqual([["d/", "e/", "a", "f"]]);
    expect(await pages({ Delimiter: "/", MaxKeys: 1 })).toEqual([["a"], ["d/"], ["e/"], ["f"]]);
    expect(await pages({ Delimiter: "/", Prefix: "d/", MaxKeys: 2 })).toEqual([["d/1", "d/2"], ["d/3"]]);
  });

  test("never more than 1,000 a page", async () => {
    const AES = { ServerSideEncryption: "AES256" };
    const content = {
      body: Buffer.from("x"),
      etag: '"x"',
      metadata: {},
      checksums: {},
      tags: [],
      encryption: AES,
    };
    for (let i = 0; i < 1001; i++) local.s3.buckets.get("box")?.put(String(i).padStart(4, "0"), content, 0);
    expect((await pages({ MaxKeys: 5000 })).map((page) => page.length)).toEqual([1000, 1]);
  });

  test("names encoded on request", async () => {
    await local.put("a b/ü", "x");
    expect(await keysOf({ EncodingType: "url" })).toEqual(["a%20b/%C3%BC"]);
  });
});

describe("versions", () => {
  const listVersions = (more: Partial<ListObjectVersionsCommandInput> = {}) =>
    local.client.send(new ListObjectVersionsCommand({ Bucket: "box", ...more }));

  test("all of them, newest first, with markers apart", async () => {
    await local.makeBucket("Enabled");
    const one = await local.put("k", "1");
    const two = await local.put("k", "2");
    const marker = await local.client.send(new DeleteObjectCommand({ Bucket: "box", Key: "k" }));
    const { Versions, DeleteMarkers } = await listVersions();
    expect(Versions?.map((v) => [v.VersionId, v.IsLatest])).toEqual([
      [two.VersionId, false],
      [one.VersionId, false],
    ]);
    expect(DeleteMarkers).toMatchObject([{ Key: "k", VersionId: marker.VersionId, IsLatest: true }]);
  });

  test("in pages that go on within a key", async () => {
    await local.makeBucket("Enabled");
    for (const key of ["a", "a", "a", "b", "c/1", "c/2"]) await local.put(key, "x");
    const found: string[] = [];
    let at: { KeyMarker?: string | undefined; VersionIdMarker?: string | undefined } = {};
    for (let truncated = true; truncated; ) {
      const page = await listVersions({ MaxKeys: 2, Delimiter: "/", ...at });
      const rolled = page.CommonPrefixes?.map((p) => p.Prefix ?? "") ?? [];
      found.push([...(page.Versions?.map((v) => v.Key) ?? []), ...rolled].join(" "));
      at = { KeyMarker: page.NextKeyMarker, VersionIdMarker: page.NextVersionIdMarker };
      truncated = page.IsTruncated ?? false;
    }
    expect(found).toEqual(["a a", "a b", "c/"]);
  });

  test("a bucket that never was versioned has null versions", async () => {
    await local.makeBucket();
    await local.put("k", "1");
    await local.put("k", "2");
    expect((await listVersions()).Versions).toMatchObject([{ Key: "k", VersionId: "null", IsLatest: true }]);
  });
});
