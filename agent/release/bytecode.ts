/**
 * Bytecode of a release that was packed where the instance's Python was not at hand: each machine makes its own out of
 * the release's sources, after it serves. It is not kept in the bucket, where a machine under someone else's control
 * could leave other code for the next: bytecode says nothing of the source that it is run in place of.
 */
import { readdir } from "node:fs/promises";
import { dirname } from "node:path";
import { run } from "../system/run.ts";

/**
 * Makes the bytecode of a release that has none on this machine.
 * @returns how many folders of it; 0 when it was there.
 */
export async function makeBytecode(folder: string, signal?: AbortSignal): Promise<number> {
  if ((await cachesIn(folder)).length > 0) return 0;
  await run("nice", ["python3", "-I", "-W", "ignore", "-c", COMPILE, folder], {
    seconds: 900,
    signal,
  });
  return (await cachesIn(folder)).length;
}

/**
 * What does not compile (templates, code for other versions) is left out. The hash is unchecked: unpacking sets new
 * times, and a release never changes.
 */
const COMPILE = `
import compileall, py_compile, sys
mode = py_compile.PycInvalidationMode.UNCHECKED_HASH
compileall.compile_dir(sys.argv[1], quiet=2, stripdir=sys.argv[1], invalidation_mode=mode)
`;

/** Folders of bytecode, "./…/__pycache__". */
async function cachesIn(folder: string): Promise<string[]> {
  const entries = await readdir(folder, { recursive: true });
  const caches = entries.filter((e) => e.endsWith(".pyc")).map((e) => `./${dirname(e)}`);
  return [...new Set(caches)].filter((c) => c.endsWith("/__pycache__")).sort();
}
