import { availableParallelism } from "node:os";
import { execa } from "execa";
import { EverspotError } from "../../agent/site/errors.ts";
import { omitUndefined } from "../../agent/site/omit-undefined.ts";
import type { Python } from "./python.ts";

/**
 * Compiles files named on stdin, relative to a root, and names each when done. What does not compile (templates,
 * code for other versions) is left to whoever imports it. Paths inside the bytecode are relative; Python corrects
 * them on import. The hash is unchecked: unpacking sets new times, and a release never changes.
 */
const COMPILE = `
import importlib.util, py_compile, sys
root, out = sys.argv[1:3]
mode = py_compile.PycInvalidationMode.UNCHECKED_HASH
for line in sys.stdin.buffer:
    name = line.rstrip(b"\\n").decode("utf-8", "surrogateescape")
    target = importlib.util.cache_from_source(out + "/" + name)
    try:
        py_compile.compile(root + "/" + name, cfile=target, dfile=name, doraise=True, invalidation_mode=mode)
    except Exception:
        pass
    print(".", flush=True)
`;

/**
 * What Python writes depends on what the same process compiled before (which strings it has seen), so the split is
 * fixed and does not depend on the number of cores.
 */
const PARTS = 4;
/** Bytes of source below which a part is not worth a process of its own. */
const PART = 1_000_000;

/**
 * Compiles Python files for the given Python, into `__pycache__` folders below `out`. The result depends on paths,
 * contents and the Python alone.
 * @param files relative to `root`, with sizes.
 */
export async function compileFiles(
  python: Python,
  root: string,
  files: readonly { path: string; size: number }[],
  out: string,
  options: { env: NodeJS.ProcessEnv; signal?: AbortSignal | undefined; onFile?: () => void },
): Promise<void> {
  const sources = files.filter((f) => f.path.endsWith(".py"));
  const queue = split(sources).values();
  const work = async () => {
    for (const part of queue) await compilePart(python, root, part, out, options);
  };
  await Promise.all(Array.from({ length: Math.min(PARTS, availableParallelism()) }, work));
}

/** Parts of roughly equal size, in byte order of paths. */
function split(files: readonly { path: string; size: number }[]): string[][] {
  const sorted = [...files].sort((a, b) => Buffer.compare(Buffer.from(a.path), Buffer.from(b.path)));
  const total = sorted.reduce((sum, f) => sum + f.size, 0);
  const count = Math.min(PARTS, Math.ceil(Math.max(total, 1) / PART));
  const parts: string[][] = Array.from({ length: count }, () => []);
  let before = 0;
  for (const file of sorted) {
    parts[Math.min(count - 1, Math.floor((count * before) / Math.max(total, 1)))]?.push(file.path);
    before += file.size;
  }
  return parts.filter((part) => part.length > 0);
}

async function compilePart(
  python: Python,
  root: string,
  part: readonly string[],
  out: string,
  options: { env: NodeJS.ProcessEnv; signal?: AbortSignal | undefined; onFile?: () => void },
): Promise<void> {
  const child = execa(python.command, ["-I", "-S", "-W", "ignore", "-c", COMPILE, root, out], {
    env: { ...options.env, PYTHONHASHSEED: "0" },
    extendEnv: false,
    reject: false,
    input: part.map((p) => `${p}\n`).join(""),
    ...omitUndefined({ cancelSignal: options.signal }),
  });
  for await (const _done of child) options.onFile?.();
  const result = await child;
  options.signal?.throwIfAborted();
  if (!result.failed) return;
  throw new EverspotError(`${python.command} could not compile the release's Python files`, {
    lines: result.stderr.split("\n").slice(-10),
    cause: result,
  });
}
