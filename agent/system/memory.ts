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

/**
 * For the boot: code is optimised by the quick compiler only. The thorough one gains nothing in a few seconds (a
 * release is unpacked as fast) and takes 5 MB. On node's command line the same would make node refuse the compiled
 * form of its own modules: 60 ms more at every start.
 */
export function bootLean(): void {
  v8.setFlagsFromString("--no-opt");
}

/**
 * For what comes after the boot, a little work every few seconds: gives back what the boot took, the code of all
 * that ran once included, and does so again every few minutes. Each time takes about 50 ms.
 * @returns when the signal is aborted; never rejects.
 */
export async function stayLean(clock: Clock, signal: AbortSignal): Promise<void> {
  keepCompiled();
  for (const flag of FRUGAL) v8.setFlagsFromString(flag);
  while (!signal.aborted) {
    collect();
    await clock.sleep(COLLECT_SECONDS * 1000, signal).catch(() => undefined);
  }
}

/** For the next start, which takes what was compiled with its own flags: none. */
function keepCompiled(): void {
  v8.setFlagsFromString("--opt");
  module.flushCompileCache?.();
}

/** Collects all there is, and leaves no room for more. */
function collect(): void {
  v8.setFlagsFromString("--expose-gc");
  const gc: unknown = runInNewContext("gc");
  if (typeof gc === "function") gc({ type: "major", flavor: "last-resort" });
}
