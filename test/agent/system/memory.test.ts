import module from "node:module";
import { constants, PerformanceObserver } from "node:perf_hooks";
import { setImmediate } from "node:timers/promises";
import v8 from "node:v8";
import { afterEach, expect, it, onTestFinished, vi } from "vitest";
import { bootLean, collectGarbage, dutyLean, stayLean } from "../../../agent/system/memory.ts";
import { ManualClock } from "../../cloud/manual-clock.ts";

/** As Node 24 has them by itself. */
const usually = ["--opt", "--maglev", "--sparkplug", "--no-flush-baseline-code", "--bytecode-old-age=6"];
const asUsual = () => {
  for (const flag of [...usually, "--no-expose-gc"]) v8.setFlagsFromString(flag);
};
asUsual();
const plain = v8.cachedDataVersionTag();
afterEach(asUsual);

/** Node 22 tells a flag that was set back from one that never was set. Instances run Node 24. */
const itComesBack = it.skipIf(process.versions.node.startsWith("22."));

itComesBack("boots without the thorough compiler", () => {
  bootLean();
  const lean = v8.cachedDataVersionTag();
  v8.setFlagsFromString("--opt");
  expect(v8.cachedDataVersionTag()).toBe(plain);
  expect(lean).not.toBe(plain);
});

itComesBack("keeps what was compiled so that the next start can take it", async () => {
  const tags: number[] = [];
  const original = module.flushCompileCache;
  module.flushCompileCache = () => void tags.push(v8.cachedDataVersionTag());
  try {
    bootLean();
    dutyLean();
    await stayLean(new ManualClock(), AbortSignal.abort());
  } finally {
    module.flushCompileCache = original;
  }
  expect(tags).toEqual([plain]);
  expect(v8.cachedDataVersionTag()).not.toBe(plain);
});

it("frees buffers that nobody has any more once they have come to some megabytes", async () => {
  collections.observe({ entryTypes: ["gc"] });
  onTestFinished(() => collections.disconnect());
  const held = [];
  for (let i = 0; i < 30; i++) held.push(Buffer.alloc(1 << 20, i));
  collectGarbage();
  // By now V8 takes them for such as stay.
  const before = process.memoryUsage().arrayBuffers;
  if (collectsYoungAlone) await expectWished();
  held.length = 0;
  collectGarbage();
  if (collectsYoungAlone) return expectWished();
  // They are freed beside the program.
  await vi.waitFor(() => expect(process.memoryUsage().arrayBuffers).toBeLessThan(before - (25 << 20)));
});

it("frees what is on the heap for nothing once that has grown by some megabytes", async () => {
  collections.observe({ entryTypes: ["gc"] });
  onTestFinished(() => collections.disconnect());
  collectGarbage();
  const grown = Array.from({ length: 500_000 }, (_, n) => ({ n }));
  const garbage = await leaveGarbage();
  collectGarbage();
  await expectGone(garbage);
  expect(grown).toHaveLength(500_000);
});

it("gives back at once, and again every ten minutes, what no one needs", async () => {
  const clock = new ManualClock();
  const stop = new AbortController();
  collections.observe({ entryTypes: ["gc"] });
  onTestFinished(() => collections.disconnect());
  let garbage = await leaveGarbage();
  const ended = stayLean(clock, stop.signal);
  await expectGone(garbage);

  garbage = await leaveGarbage();
  expect(clock.next).toBe(clock.now() + 600_000);
  await clock.advance(600_000);
  await expectGone(garbage);

  stop.abort();
  await ended;
  expect(clock.sleeping).toBe(0);
});

/** Something that nobody has any more. No figure tells: how much there is depends on when V8 collects by itself. */
async function leaveGarbage(): Promise<WeakRef<object>> {
  const left = new WeakRef({});
  // It stays until the end of the job that has made it.
  await setImmediate();
  return left;
}

/** Whatever Node 20 is asked for, it collects what is young, and leaves all that a WeakRef is of: there the wish counts. */
const collectsYoungAlone = process.versions.node.startsWith("20.");
async function expectGone(left: WeakRef<object>): Promise<void> {
  if (collectsYoungAlone) await expectWished();
  else expect(left.deref()).toBeUndefined();
}
/** Since this was asked before. */
const expectWished = () => vi.waitFor(() => expect(wished.splice(0)).not.toEqual([]));
const wished: object[] = [];
const collections = new PerformanceObserver((list) => {
  for (const { detail } of list.getEntries() as { detail?: { flags: number } }[])
    if (detail?.flags === constants.NODE_PERFORMANCE_GC_FLAGS_FORCED) wished.push(detail);
});
