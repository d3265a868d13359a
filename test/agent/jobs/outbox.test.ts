import { PassThrough, Readable } from "node:stream";
import { expect, test } from "vitest";
import { OutputLimit, shipOutput } from "../../../agent/jobs/outbox.ts";
import { PART_BYTES } from "../../../agent/site/runs/documents.ts";
import { unpackOutput } from "../../../agent/site/runs/output.ts";
import { ManualClock } from "../../cloud/manual-clock.ts";

const later = () => new Promise((resolve) => setImmediate(resolve));

function shipping(limit = 1e9) {
  const clock = new ManualClock();
  const [stdout, stderr] = [new PassThrough(), new PassThrough()];
  const parts: string[] = [];
  const done = shipOutput(
    { stdout, stderr },
    {
      ...{ clock, limit },
      put: async (part, bytes) => {
        expect(part).toBe(parts.length);
        const pieces = unpackOutput(bytes).map((p) => `${p.stream}: ${Buffer.from(p.bytes).toString()}`);
        parts.push(pieces.join(", "));
      },
    },
  );
  done.catch(() => undefined);
  return { clock, stdout, stderr, parts, done };
}

test("both outputs in the order in which they were written, after a moment", async () => {
  const { clock, stdout, stderr, parts, done } = shipping();
  stdout.write("one");
  await later();
  stderr.write("two");
  await clock.advance(99);
  expect(parts).toEqual([]);
  await clock.advance(1);
  expect(parts).toEqual(["stdout: one, stderr: two"]);
  stdout.end("three");
  stderr.end();
  expect(await done).toBe(2);
  expect(parts[1]).toBe("stdout: three");
});

test("a flood is a part a second; who waits for an answer has it at once", async () => {
  const { clock, stdout, parts, stderr, done } = shipping();
  for (let i = 0; i < 50; i++) {
    stdout.write(".");
    await clock.advance(100);
  }
  expect(parts.length).toBeGreaterThan(4);
  expect(parts.length).toBeLessThan(8);
  await clock.advance(5_000);
  const before = parts.length;
  stdout.write("an answer");
  await clock.advance(100);
  expect(parts).toHaveLength(before + 1);
  stdout.end();
  stderr.end();
  await done;
});

test("a command waits while the bucket is slow, and no part is larger than a part", async () => {
  let taken = 0;
  function* flood() {
    for (; taken < 8; taken++) yield Buffer.alloc(PART_BYTES);
  }
  const sizes: number[] = [];
  let free = (): void => {};
  const done = shipOutput(
    { stdout: Readable.from(flood(), { highWaterMark: 1, objectMode: false }), stderr: Readable.from([]) },
    {
      ...{ clock: new ManualClock(), limit: 1e9 },
      put: async (_, bytes) => {
        await new Promise<void>((resolve) => {
          free = resolve;
        });
        sizes.push(bytes.byteLength);
      },
    },
  );
  for (let i = 0; i < 50; i++) await later();
  expect(taken).toBeLessThan(5);
  let over = false;
  void done.then(() => {
    over = true;
  });
  while (!over) {
    free();
    await later();
  }
  expect(sizes.reduce((sum, size) => sum + size, 0)).toBeGreaterThan(8 * PART_BYTES);
  expect(Math.max(...sizes)).toBeLessThan(2 * PART_BYTES);
});

test("more than it may write ends it; nothing at all is no part", async () => {
  const { stdout, done } = shipping(1_000);
  stdout.write(Buffer.alloc(PART_BYTES));
  await expect(done).rejects.toThrow(OutputLimit);
  expect(stdout.destroyed).toBe(true);
  const none = shipping();
  none.stdout.end();
  none.stderr.end();
  expect(await none.done).toBe(0);
});

test("what is no part is refused", () => {
  expect(() => unpackOutput(Buffer.from([0, 0, 0, 0, 9, 1]))).toThrow(RangeError);
  expect(() => unpackOutput(Buffer.from([7, 0, 0, 0, 0]))).toThrow(RangeError);
});
