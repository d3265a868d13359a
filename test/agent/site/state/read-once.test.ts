import { expect, test } from "vitest";
import type { StateBucket } from "../../../../agent/site/state/bucket.ts";
import { baseKey, logKey } from "../../../../agent/site/state/keys.ts";
import { readOnce } from "../../../../agent/site/state/read-once.ts";

test("an entry of the log is read once; a base, and what is not there yet, every time", async () => {
  const there = new Map([
    [logKey(1), "first"],
    [baseKey(1), "base"],
  ]);
  const read: string[] = [];
  const bucket = readOnce({
    get: async (key: string) => {
      read.push(key);
      const text = there.get(key);
      return text === undefined ? undefined : Buffer.from(text);
    },
  } as StateBucket);
  const get = async (key: string) => (await bucket.get(key))?.toString();
  for (const _ of [1, 2]) {
    expect(await get(logKey(1))).toBe("first");
    expect(await get(baseKey(1))).toBe("base");
    expect(await get(logKey(2))).toBeUndefined();
  }
  expect(read).toEqual([logKey(1), baseKey(1), logKey(2), baseKey(1), logKey(2)]);
  there.set(logKey(2), "second");
  expect(await get(logKey(2))).toBe("second");
});

test("no more is kept than 16 MB", async () => {
  let reads = 0;
  const bucket = readOnce({
    get: async () => {
      reads++;
      return new Uint8Array(10 << 20);
    },
  } as unknown as StateBucket);
  for (const seq of [1, 2, 1, 2]) await bucket.get(logKey(seq));
  expect(reads).toBe(3);
});
