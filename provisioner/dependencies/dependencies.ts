import { randomUUID } from "node:crypto";
import { mkdir, readdir, rm, stat } from "node:fs/promises";
import path from "node:path";
import { compileFiles } from "./bytecode.ts";
import { install } from "./install.ts";
import { listTree } from "./list-tree.ts";
import { Pip } from "./pip.ts";
import type { OnProgress } from "./progress.ts";
import { findPythons, type Pythons } from "./python.ts";
import type { PythonTarget } from "./python-target.ts";
import { findDeclaration, type Requirements, readRequirements } from "./requirements.ts";
import { tidyTree } from "./tidy.ts";
import { type CachedTree, TreeCache } from "./tree-cache.ts";

export interface Dependencies extends CachedTree {
  /** The file of the project that declares them. */
  from: string;
  cached: boolean;
  /** Removes the tree, unless it is to be kept. */
  dispose(): Promise<void>;
}

const DAY = 24 * 3600 * 1000;

/**
 * Makes, or finds in the cache, the tree of packages a project needs on the instance. A tree pinned by hashes is kept
 * as long as it is used; any other may have newer versions, and is made again after a day.
 * @returns undefined when the project declares none.
 */
export async function collectDependencies(
  folder: string,
  target: PythonTarget,
  options: {
    env: NodeJS.ProcessEnv;
    cacheDir: string;
    onProgress: OnProgress;
    signal?: AbortSignal | undefined;
  },
): Promise<Dependencies | undefined> {
  const declaration = await findDeclaration(folder);
  if (declaration === undefined) return undefined;
  let pythons: Pythons | undefined;
  const pip = async () => {
    pythons ??= await findPythons(target, options.env);
    return new Pip(pythons.pip, target, options.env, options.signal);
  };
  const requirements = await readRequirements(folder, declaration, async (markers) =>
    (await pip()).evaluate(markers),
  );
  if (requirements.lines.length === 0) return undefined;
  options.onProgress({ phase: "dependencies", done: 0, unit: "packages", detail: requirements.from });

  const tools = await pip();
  const compiler = pythons?.compiler;
  const cache = new TreeCache(options.cacheDir);
  const local = requirements.lines.some((line) => line.local);
  const key = TreeCache.key({
    form: 2,
    requirements: { ...requirements, from: "" },
    target,
    settings: pipSettings(options.env),
    links: await localLinks(requirements, options.env),
    compiler: compiler?.version,
  });
  const hashed = requirements.lines.every((line) => line.hashes.length > 0);
  const found = local ? undefined : await cache.find(key, hashed ? Number.POSITIVE_INFINITY : DAY);
  if (found !== undefined) {
    const count = found.meta.packages.length;
    options.onProgress({ phase: "dependencies", done: count, total: count, unit: "packages" });
    return { ...found, from: requirements.from, cached: true, dispose: async () => {} };
  }

  const work = await cache.work();
  try {
    const tree = path.join(work, "tree");
    await mkdir(tree);
    await install(requirements, target, tools, tree, work, options.onProgress);
    const about = await tidyTree(tree);
    const count = about.packages.length;
    options.onProgress({ phase: "dependencies", done: count, total: count, unit: "packages" });
    if (compiler !== undefined) await compileTree(compiler, tree, options);
    const made = await cache.keep(local ? `local-${randomUUID()}` : key, work, {
      ...about,
      bytecode: compiler !== undefined,
    });
    const entry = path.dirname(made.folder);
    const dispose = async () => {
      if (local) await rm(entry, { recursive: true, force: true });
    };
    return { ...made, from: requirements.from, cached: false, dispose };
  } finally {
    await rm(work, { recursive: true, force: true });
  }
}

async function compileTree(
  compiler: NonNullable<Pythons["compiler"]>,
  tree: string,
  options: { env: NodeJS.ProcessEnv; onProgress: OnProgress; signal?: AbortSignal | undefined },
): Promise<void> {
  const files = await listTree(tree);
  const total = files.filter((f) => f.path.endsWith(".py")).length;
  let done = 0;
  await compileFiles(compiler, tree, files, tree, {
    ...options,
    onFile: () => {
      done += 1;
      options.onProgress({ phase: "bytecode", done, total, unit: "files" });
    },
  });
}

const pipSettings = (env: NodeJS.ProcessEnv): [string, string | undefined][] =>
  Object.entries(env)
    .filter(([name]) => name.startsWith("PIP_"))
    .sort();

const PACKAGE = /\.(whl|zip|tar\.gz|tar\.bz2|tgz)$/;

/** Packages in the local folders pip looks in: one of them may be rebuilt under its old name. */
async function localLinks(requirements: Requirements, env: NodeJS.ProcessEnv): Promise<string[]> {
  const named = requirements.options.flatMap((o) => /^--find-links (\/.*)$/.exec(o)?.[1] ?? []);
  const folders = [...named, ...(env.PIP_FIND_LINKS ?? "").split(/\s+/).filter((f) => path.isAbsolute(f))];
  const found: string[] = [];
  for (const folder of folders) {
    const names = await readdir(folder).catch(() => []);
    for (const name of names.filter((n) => PACKAGE.test(n)).sort()) {
      const { size, mtimeMs } = await stat(path.join(folder, name));
      found.push(`${folder}/${name} ${size} ${mtimeMs}`);
    }
  }
  return found;
}
