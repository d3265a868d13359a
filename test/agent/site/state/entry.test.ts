import { describe, expect, test } from "vitest";
import { bodyOf, chain, decodeEntry, encodeEntry, type Header } from "../../../../agent/site/state/entry.ts";
import { baseKey, chunkKey, logKey, seqOf } from "../../../../agent/site/state/keys.ts";
import { BEGINNING, step } from "../../../../agent/site/state/place.ts";

const by = { format: 1, instance: "i-1", run: "00000000000000aa", at: "2026-11-26T10:00:00.000Z" } as const;
const fence = (epoch: number): Header => ({ kind: "fence", epoch, ...by });
const frames = {
  file: "db.sqlite3",
  page: 4096,
  salt: "0123456789abcdef",
  from: 0,
  to: 2,
};
const data = (epoch: number, prev: string, at: string = by.at): Header => ({
  kind: "data",
  epoch,
  ...by,
  at,
  prev,
  frames,
});

describe("an entry", () => {
  test.each<[string, Header]>([
    ["fence", fence(3)],
    ["open", { kind: "open", epoch: 3, ...by, prev: BEGINNING.hash }],
    ["mark", { kind: "mark", epoch: 3, ...by, prev: BEGINNING.hash, name: "r1" }],
    ["rewind", { kind: "rewind", epoch: 3, ...by, prev: BEGINNING.hash, to: 7 }],
    ["data", data(3, BEGINNING.hash)],
  ])("of kind %s is read as it was written", (_, header) => {
    const body = Buffer.alloc(9000, "page");
    const read = decodeEntry(encodeEntry(header, body), "e");
    expect(read.header).toEqual(header);
    expect(Buffer.from(bodyOf(read, "e"))).toEqual(body);
    expect(bodyOf(decodeEntry(encodeEntry(header), "e"), "e")).toHaveLength(0);
  });

  const withHeader = (json: string) => {
    const length = Buffer.alloc(4);
    length.writeUInt32BE(json.length);
    return Buffer.concat([Buffer.from("EVS1"), length, Buffer.from(json)]);
  };
  test.each([
    ["nothing", Buffer.alloc(0), /is not an entry/],
    ["another object", Buffer.from("{}{}{}{}{}"), /is not an entry/],
    ["a part of one", encodeEntry(fence(1)).subarray(0, 40), /is cut off/],
    ["a header of no JSON", withHeader("{"), /not JSON/],
    ["a later format", withHeader(JSON.stringify({ ...fence(1), format: 2 })), /format 2.*newer/],
    ["an unknown kind", withHeader(JSON.stringify({ ...fence(1), kind: "magic" })), /cannot be read/],
    ["an epoch of none", withHeader(JSON.stringify({ ...fence(1), epoch: 0 })), /cannot be read: epoch/],
    [
      "a database outside of its folder",
      withHeader(
        JSON.stringify({ ...data(1, BEGINNING.hash), frames: { ...frames, file: "../etc/passwd" } }),
      ),
      /leads out of its folder/,
    ],
    [
      "a page of no size",
      withHeader(JSON.stringify({ ...data(1, BEGINNING.hash), frames: { ...frames, page: 1000 } })),
      /no page size/,
    ],
  ])("that is %s is reported as such", (_, bytes, message) => {
    expect(() => decodeEntry(bytes, "s3://b/state/log/1")).toThrow(message);
    expect(() => decodeEntry(bytes, "s3://b/state/log/1")).toThrow(/^s3:\/\/b\/state\/log\/1 /);
  });
  test("with a body that was cut off is reported as such", () => {
    const whole = encodeEntry(fence(1), Buffer.from("x".repeat(5000)));
    const cut = decodeEntry(whole.subarray(0, -4), "e");
    expect(() => bodyOf(cut, "e")).toThrow("e has a body that cannot be inflated");
  });
});

describe("keys", () => {
  test("keep the log's order", () => {
    expect(logKey(42)).toBe("state/log/000000000042");
    expect(baseKey(0)).toBe("state/base/000000000000.json");
    expect([seqOf(logKey(42)), seqOf(baseKey(7)), seqOf("state/log/x")]).toEqual([42, 7, undefined]);
  });
  test.each([
    () => logKey(0),
    () => logKey(1.5),
    () => logKey(1e12),
    () => baseKey(-1),
    () => chunkKey("../x"),
  ])("%s is refused", (make) => expect(make).toThrow(RangeError));
});

describe("a place in the log", () => {
  const first = encodeEntry(fence(2));
  const open = step(BEGINNING, first, "e1");

  test("begins with a fence, and every entry that counts is chained", () => {
    expect(open).toMatchObject({ counts: true, place: { seq: 1, epoch: 2 } });
    expect(open.place.hash).toBe(chain(BEGINNING.hash, first));
    const bytes = encodeEntry(data(2, open.place.hash, "2026-11-26T11:00:00.000Z"));
    const next = step(open.place, bytes, "e2");
    expect(next).toMatchObject({ counts: true, place: { seq: 2, at: "2026-11-26T11:00:00.000Z" } });
    expect(next.place.hash).toBe(chain(open.place.hash, bytes));
  });
  test.each<[string, Header]>([
    ["a fence of the same epoch", fence(2)],
    ["a fence of an earlier one", fence(1)],
    ["data of an earlier one", data(1, "f".repeat(64))],
  ])("steps over %s", (_, header) => {
    const over = step(open.place, encodeEntry(header), "e2");
    expect(over).toMatchObject({ counts: false, place: { ...open.place, seq: 2 } });
  });
  test("is not reached over an entry that is missing, changed, or of an epoch without a fence", () => {
    expect(() => step(open.place, encodeEntry(data(2, "f".repeat(64))), "e2")).toThrow(/does not follow/);
    expect(() => step(open.place, encodeEntry(data(3, open.place.hash)), "e2")).toThrow(/epoch 3.*no fence/);
  });
});
