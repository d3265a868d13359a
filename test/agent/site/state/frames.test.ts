import { describe, expect, test } from "vitest";
import {
  checksum,
  FRAME_HEADER,
  frame,
  pagesOf,
  parseWalHeader,
  type Sum,
  scanFrames,
  WAL_HEADER,
} from "../../../../agent/site/state/frames.ts";

const SALT = "00112233445566aa";

/** A write-ahead log as SQLite would write it. @param commits pages of each transaction. */
function wal(commits: number[][], { page = 512, bigEndian = false } = {}): Buffer {
  const header = Buffer.alloc(WAL_HEADER);
  header.writeUInt32BE(bigEndian ? 0x377f0683 : 0x377f0682, 0);
  header.writeUInt32BE(3_007_000, 4);
  header.writeUInt32BE(page, 8);
  header.write(SALT, 16, "hex");
  let sum: Sum = checksum(header.subarray(0, 24), [0, 0], bigEndian);
  header.writeUInt32BE(sum[0], 24);
  header.writeUInt32BE(sum[1], 28);
  const frames = commits.flatMap((pages) =>
    pages.map((number, i) => {
      const bytes = frame(number, Buffer.alloc(page, number), i === pages.length - 1 ? 9 : 0);
      bytes.write(SALT, 8, "hex");
      sum = checksum(bytes.subarray(0, 8), sum, bigEndian);
      sum = checksum(bytes.subarray(FRAME_HEADER), sum, bigEndian);
      bytes.writeUInt32BE(sum[0], 16);
      bytes.writeUInt32BE(sum[1], 20);
      return bytes;
    }),
  );
  return Buffer.concat([header, ...frames]);
}

describe.each([false, true])("a write-ahead log (big endian: %s)", (bigEndian) => {
  const bytes = wal([[1, 2], [3], [4, 5]], { bigEndian });
  const header = parseWalHeader(bytes);
  const body = bytes.subarray(WAL_HEADER);

  test("is known by its header", () => {
    expect(header).toMatchObject({ page: 512, salt: SALT, bigEndian });
    expect(parseWalHeader(bytes.subarray(0, 31))).toBeUndefined();
    const torn = Buffer.from(bytes);
    torn[9] = 1;
    expect(parseWalHeader(torn)).toBeUndefined();
  });
  test("is read up to the end of the last whole transaction", () => {
    if (header === undefined) throw new Error("no header");
    expect(scanFrames(body, header, header.sum)).toMatchObject({ committed: 5, valid: 5, pages: 9 });
    const size = FRAME_HEADER + 512;
    expect(scanFrames(body.subarray(0, 4 * size), header, header.sum)).toMatchObject({
      committed: 3,
      valid: 4,
    });
    expect(scanFrames(body.subarray(0, 2 * size - 1), header, header.sum)).toMatchObject({
      committed: 0,
      valid: 1,
    });
  });
  test("goes on from where it was read to", () => {
    if (header === undefined) throw new Error("no header");
    const size = FRAME_HEADER + 512;
    const begun = scanFrames(body.subarray(0, 3 * size), header, header.sum);
    expect(scanFrames(body.subarray(3 * size), header, begun.committedSum)).toMatchObject({ committed: 2 });
  });
  test("ends where a frame was damaged, or is left from before", () => {
    if (header === undefined) throw new Error("no header");
    const size = FRAME_HEADER + 512;
    const damaged = Buffer.from(body);
    damaged[2 * size + FRAME_HEADER] = 0xff;
    expect(scanFrames(damaged, header, header.sum).committed).toBe(2);
    const old = Buffer.from(body);
    old.write("ffffffff", 2 * size + 8, "hex");
    expect(scanFrames(old, header, header.sum).committed).toBe(2);
  });
});

test("frames give back their pages", () => {
  const body = Buffer.concat([frame(3, Buffer.alloc(512, 3), 0), frame(1, Buffer.alloc(512, 1), 3)]);
  expect([...pagesOf(body, 512)].map(({ number, pages, content }) => [number, pages, content[0]])).toEqual([
    [3, 0, 3],
    [1, 3, 1],
  ]);
});
