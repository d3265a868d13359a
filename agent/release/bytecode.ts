/**
 * Bytecode of a release that was packed where the instance's Python was not at hand: the first instance makes it,
 * after it serves, and keeps it in the bucket, bound to what the release holds and to the Python. Nobody makes it
 * again.
 */
import { readdir } from "node:fs/promises";
import { dirname } from "node:path";
import { fetchLayer, saveLayer } from "../packages/layer.ts";
import { bytecodeKey } from "../site/layers.ts";
import type { ReleaseManifest } from "../site/records.ts";
import type { ObjectStore } from "../site/store.ts";
import { run } from "../system/run.ts";

/**
 * Adds what an earlier instance made to a release's folder; nothing of the release itself is changed.
 * @returns whether there was any. @throws EverspotError when it is damaged.
 */
export async function fetchBytecode(
  store: ObjectStore,
  manifest: ReleaseManifest,
  python: string,
  folder: string,
): Promise<boolean> {
  const only = ["--skip-old-files", "--wildcards", "*/__pycache__/*.pyc"];
  return (
    (await fetchLayer(store, "bytecode", bytecodeKey(manifest.sha256, python), folder, only)) !== undefined
  );
}

/**
 * Makes the bytecode of a release that has none on this machine, and keeps it for the next ones.
 * @returns how many folders of it; 0 when it was there.
 */
export async function makeBytecode(
  store: ObjectStore,
  manifest: ReleaseManifest,
  python: string,
  folder: string,
  instance: string,
  signal?: AbortSignal,
): Promise<number> {
  if ((await cachesIn(folder)).length > 0) return 0;
  await run("nice", ["python3", "-I", "-W", "ignore", "-c", COMPILE, folder], {
    seconds: 900,
    ...(signal === undefined ? {} : { signal }),
  });
  const made = await cachesIn(folder);
  const key = bytecodeKey(manifest.sha256, python);
  if (made.length > 0) await saveLayer(store, "bytecode", key, folder, made, instance, []);
  return made.length;
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
