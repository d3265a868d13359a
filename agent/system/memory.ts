/** What the agent tells V8 about its memory, which a small instance lacks. */
import module from "node:module";
import v8 from "node:v8";
import { runInNewContext } from "node:vm";
import type { Clock } from "../site/clock.ts";

const COLLECT_SECONDS = 600;

/** No compiler but the interpreter's, and no code that did not run since the collection before. */
const FRUGAL = [
  ...["--no-opt", "--no-maglev", "--no-sparkplug"],
  ...["--flush-baseline-code", "--bytecode-old-age=1"],
];
/** The same as V8 has them by itself. */
const USUAL = [
  ...["--opt", "--maglev", "--sparkplug"],
  ...["--no-flush-baseline-code", "--bytecode-old-age=6"],
];

/** For node, besides those of the unit: short-lived objects are few on duty. */
const DUTY_OPTIONS = ["--max-semi-space-size=1"];

/**
 * For the boot: code is optimised by the quick compiler only. The thorough one gains nothing in a few seconds (a
 * release is unpacked as fast) and takes 5 MB. On node's command line the same would make node refuse the compiled
 * form of its own modules: 60 ms more at every start.
 */
export function bootLean(): void {
  v8.setFlagsFromString("--no-opt");
}

/** For what comes after the boot: a little work every few seconds. */
export function dutyLean(): void {
  for (const flag of FRUGAL) v8.setFlagsFromString(flag);
}

/**
 * Restarts this program as the same process, with nothing in memory. What is open is closed; its children are no
 * longer waited for.
 */
export function beginAfresh(command: string): never {
  keepCompiled();
  // Node warns that execve() is new.
  process.removeAllListeners("warning");
  const [node, program] = [process.execPath, process.argv[1] ?? ""];
  if (process.execve === undefined) throw new Error("Node has no execve()");
  return process.execve(node, [node, ...process.execArgv, ...DUTY_OPTIONS, program, command], process.env);
}

/**
 * Gives back what is not needed any more, the code of all that ran once included, and does so again every few
 * minutes. Each time takes about 50 ms.
 * @returns when the signal is aborted; never rejects.
 */
export async function stayLean(clock: Clock, signal: AbortSignal): Promise<void> {
  keepCompiled();
  dutyLean();
  while (!signal.aborted) {
    collect();
    await clock.sleep(COLLECT_SECONDS * 1000, signal).catch(() => undefined);
  }
}

/** What the agent does to the process that it is. */
export interface OwnProcess {
  bootLean(): void;
  dutyLean(): void;
  stayLean(clock: Clock, signal: AbortSignal): Promise<void>;
  /** Does not return. */
  beginAfresh(command: string): void;
}

export const ownProcess: OwnProcess = { bootLean, dutyLean, stayLean, beginAfresh };

/** For the next start, which takes only what was compiled under the flags that it has itself. */
function keepCompiled(): void {
  for (const flag of USUAL) v8.setFlagsFromString(flag);
  module.flushCompileCache?.();
}

/** Collects all there is, and leaves no room for more. */
function collect(): void {
  collector()?.({ type: "major", flavor: "last-resort" });
}

/** Bytes outside of V8's heap that may be garbage, and those that its heap may have grown by since. */
const MOST_OUTSIDE = 2 << 20;
const MOST_GROWN = 3 << 20;

/**
 * Frees what is not in use any more, where it has come to much: V8 itself comes late, for it does not count buffers, and
 * lets a small heap become three times as large first. Takes about 10 ms when there is something to be freed.
 */
export function collectGarbage(): void {
  const { arrayBuffers, heapUsed } = process.memoryUsage();
  if (arrayBuffers <= MOST_OUTSIDE && heapUsed - leftUsed <= MOST_GROWN) return;
  major ??= collector();
  major?.({ type: "major" });
  leftUsed = process.memoryUsage().heapUsed;
}
/** Bytes of the heap that were in use after the last time. */
let leftUsed = 0;
let major: Collector | undefined;

type Collector = (what: object) => void;

function collector(): Collector | undefined {
  v8.setFlagsFromString("--expose-gc");
  const gc: unknown = runInNewContext("gc");
  return typeof gc === "function" ? (gc as Collector) : undefined;
}
