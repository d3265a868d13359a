import { type FileHandle, mkdtemp, open, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { frame, pagesOf } from "../../../../agent/site/state/frames.ts";
import { Pages, writeWhole } from "../../../../agent/site/state/pages.ts";
import { randomOf } from "../../../../scripts/state/random.ts";

const PAGE = 512;
let folder: string;
let files: { turn: FileHandle; gathered: FileHandle };
beforeEach(async () => {
  folder = await mkdtemp(path.join(tmpdir(), "everspot-pages-"));
  files = {
    turn: await open(path.join(folder, "turn"), "wx+"),
    gathered: await open(path.join(folder, "gathered"), "wx+"),
  };
});
afterEach(async () => {
  for (const file of Object.values(files)) await file.close();
  await rm(folder, { recursive: true });
});

/** Each page in its turn, as SQLite's own recovery would do it. */
async function write(handle: FileHandle, body: Buffer): Promise<void> {
  for (const { number, content, pages } of pagesOf(body, PAGE)) {
    await handle.write(content, 0, PAGE, (number - 1) * PAGE);
    if (pages !== 0) await handle.truncate(pages * PAGE);
  }
}

test.each([1, 2, 3, 4, 5])(
  "a file becomes what it would be page by page, however it grows and shrinks (seed %i)",
  async (seed) => {
    const random = randomOf(seed);
    const upTo = (most: number) => 1 + Math.floor(random() * most);
    const pages = new Pages(PAGE);
    for (let i = 0; i < 60; i++) {
      // Some transactions come in several bodies; some bodies are written before their transaction has ended.
      const ends = random() < 0.7;
      const numbers = Array.from({ length: upTo(6) }, () => upTo(40));
      const body = Buffer.concat(
        numbers.map((n, at) =>
          frame(n, Buffer.alloc(PAGE, upTo(255)), ends && at === numbers.length - 1 ? upTo(40) : 0),
        ),
      );
      await write(files.turn, body);
      pages.add(body);
      if (random() < 0.2) await pages.writeTo(files.gathered);
    }
    await pages.writeTo(files.gathered);
    const [turn, gathered] = await Promise.all(
      ["turn", "gathered"].map((name) => readFile(path.join(folder, name))),
    );
    expect(gathered?.equals(turn ?? Buffer.alloc(0))).toBe(true);
  },
);

test("a page that is written over is written once, and neighbours in one call", async () => {
  const pages = new Pages(PAGE);
  for (let i = 0; i < 50; i++) pages.add(frame(1 + (i % 10), Buffer.alloc(PAGE, i), 10));
  expect(pages.bytes).toBeGreaterThanOrEqual(50 * PAGE);
  const calls: number[] = [];
  const counting = new Proxy(files.gathered, {
    get: (handle, name: keyof FileHandle) => {
      if (name === "writev")
        return (parts: Buffer[], at: number) => {
          calls.push(parts.length);
          return handle.writev(parts, at);
        };
      const found = handle[name];
      return typeof found === "function" ? found.bind(handle) : found;
    },
  });
  await pages.writeTo(counting);
  expect(calls).toEqual([10]);
  expect(pages.bytes).toBe(0);
  expect([...(await readFile(path.join(folder, "gathered"))).filter((_, at) => at % PAGE === 0)]).toEqual([
    40, 41, 42, 43, 44, 45, 46, 47, 48, 49,
  ]);
});

test("what a disk takes only in part is written to its end, or fails", async () => {
  const short = (most: number) =>
    ({
      writev: (parts: Buffer[], at: number) => files.gathered.write(Buffer.concat(parts), 0, 700, at),
      write: (bytes: Buffer, from: number, length: number, at: number) =>
        most === 0
          ? Promise.reject(new Error("ENOSPC"))
          : files.gathered.write(bytes, from, Math.min(length, most), at),
    }) as unknown as FileHandle;
  const parts = [Buffer.alloc(PAGE, "a"), Buffer.alloc(PAGE, "b"), Buffer.alloc(PAGE, "c")];
  await writeWhole(short(300), parts, PAGE);
  expect((await readFile(path.join(folder, "gathered"))).subarray(PAGE).equals(Buffer.concat(parts))).toBe(
    true,
  );
  await expect(writeWhole(short(0), parts, PAGE)).rejects.toThrow("ENOSPC");
});
