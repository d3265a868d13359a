import { expect, test } from "vitest";
import { sha256Of, unpackChunk } from "../../../agent/site/state/chunks.ts";
import { unzstd } from "../../../provisioner/data/unzstd.ts";

/** Packed by Node.js 24, as an instance does it. */
const PACKED = "KLUv/WBHAPUAALhTUUxpdGUgZm9ybWF0IDMAdGhlIGVuZAEAWkadSw==";

test("a chunk that an instance has packed can be read on any Node.js", async () => {
  const packed = Buffer.from(PACKED, "base64");
  const plain = Buffer.from(unzstd(packed));
  expect(plain.toString()).toBe(`${"SQLite format 3\0".repeat(20)}the end`);
  const of = { sha256: sha256Of(plain), size: plain.length };
  expect(Buffer.from(await unpackChunk(packed, of, "chunk", unzstd))).toEqual(plain);
});
