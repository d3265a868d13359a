import { randomUUID } from "node:crypto";
import { mkdir, readdir, rm, stat } from "node:fs/promises";
import path from "node:path";
import { fileURLToPath } from "node:url";
import type { Finding } from "../findings/finding.ts";
import { findDeclaration } from "../requirements/declaration.ts";
import type { PythonTarget } from "../requirements/python-target.ts";
import { argumentsOf } from "../requirements/registries.ts";
import { normalName } from "../requirements/requirement-lines.ts";
import { type Requirements, readRequirements } from "../requirements/requirements.ts";
import { compileFiles } from "./bytecode.ts";
import { install } from "./install.ts";
import { listTree } from "./list-tree.ts";
import { metadataOf } from "./metadata.ts";
import { isMoving, settled } from "./moving.ts";
import { Pip } from "./pip.ts";
import type { OnProgress } from "./progress.ts";
import { findPythons, type Pythons } from "./python.ts";
import { tidyTree } from "./tidy.ts";
import { type CachedTree, TreeCache } from "./tree-cache.ts";

export interface Dependencies extends CachedTree {
  /** The file of the project that declares them. */
  from: string;
  cached: boolean;
  /** Removes the tree, unless it is to be kept. */
  dispose(): Promise<void>;
}

/** What a project declares. */
export interface Declared {
  /** Undefined when the project declares none, or none that can be read. */
  requirements: Requirements | undefined;
  /** The file that says so, though it may name none. */
  from: string | undefined;
  findings: Finding[];
}

interface Options {
  env: NodeJS.ProcessEnv;
  /** Names of packages that are left out, whatever requires them. */
  without: readonly string[];
  signal?: AbortSignal | undefined;
}

const DAY = 24 * 3600 * 1000;

/** Reads what the project depends on, and installs it for the instance. */
export class DependencyCollector {
  readonly #target: PythonTarget;
  readonly #options: Options;
  #pythons: Pythons | undefined;

  constructor(target: PythonTarget, options: Options) {
    this.#target = target;
    this.#options = options;
  }

  /** @throws EverspotError when it cannot be understood. */
  async read(folder: string): Promise<Declared> {
    const { declaration, findings } = await findDeclaration(folder);
    if (declaration === undefined) return { requirements: undefined, from: undefined, findings };
    const inquiry = {
      evaluate: async (markers: readonly string[]) => (await this.#pip()).evaluate(markers),
      satisfy: async (specifiers: readonly string[], versions: readonly string[]) =>
        (await this.#pip()).satisfy(specifiers, versions),
      metadata: async (project: string) => metadataOf(await this.#pip(), project),
    };
    const read = await readRequirements(declaration, this.#target, inquiry, this.#options.env);
    return {
      requirements: read.lines.length === 0 ? undefined : withoutThese(read, this.#options.without),
      from: declaration.from,
      findings: [...findings, ...read.findings],
    };
  }

  /**
   * Makes, or finds in the cache, the tree of packages a project needs on the instance. A tree pinned by hashes is kept
   * as long as it is used; any other may have newer versions, and is made again after a day.
   * @throws Refused naming every package that cannot be had.
   */
  async collect(
    declared: Requirements,
    { cacheDir, onProgress }: { cacheDir: string; onProgress: OnProgress },
  ): Promise<Dependencies> {
    const { env, signal } = this.#options;
    onProgress({ phase: "dependencies", done: 0, unit: "packages", detail: declared.from });
    const tools = await this.#pip();
    const lines = await settled(declared.lines, env, signal);
    const requirements = { ...declared, lines };
    const compiler = this.#pythons?.compiler;
    const cache = new TreeCache(cacheDir);
    const local = lines.some((line) => line.local || isMoving(line));
    const { options, constraints, complete, without } = requirements;
    const key = TreeCache.key({
      form: 3,
      requirements: { lines, options, constraints, complete, without },
      target: this.#target,
      settings: pipSettings(env),
      links: await localLinks(requirements, env),
      compiler: compiler?.version,
    });
    const hashed = lines.every((line) => line.hashes.length > 0);
    const found = local ? undefined : await cache.find(key, hashed ? Number.POSITIVE_INFINITY : DAY);
    if (found !== undefined) {
      const count = found.meta.packages.length;
      onProgress({ phase: "dependencies", done: count, total: count, unit: "packages" });
      return { ...found, from: requirements.from, cached: true, dispose: async () => {} };
    }

    const work = await cache.work();
    try {
      const tree = path.join(work, "tree");
      await mkdir(tree);
      await install(requirements, this.#target, tools, tree, work, onProgress);
      const about = await tidyTree(tree);
      const count = about.packages.length;
      onProgress({ phase: "dependencies", done: count, total: count, unit: "packages" });
      if (compiler !== undefined) await compileTree(compiler, tree, { env, onProgress, signal });
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

  async #pip(): Promise<Pip> {
    this.#pythons ??= await findPythons(this.#target, this.#options.env);
    return new Pip(this.#pythons.pip, this.#target, this.#options.env, this.#options.signal);
  }
}

/** What is named itself is not asked for at all. @param names as someone writes them. */
export function withoutThese(requirements: Requirements, names: readonly string[]): Requirements {
  const without = [...new Set([...requirements.without, ...names.map(normalName)])].sort();
  const lines = requirements.lines.filter((line) => line.name === undefined || !without.includes(line.name));
  return { ...requirements, lines, without };
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
  const named = requirements.options
    .map(argumentsOf)
    .flatMap(([option, value = ""]) => (option === "--find-links" ? [value] : []));
  const folders = [...named, ...(env.PIP_FIND_LINKS ?? "").split(/\s+/)]
    .map((place) => (place.startsWith("file://") ? fileURLToPath(place) : place))
    .filter((place) => path.isAbsolute(place));
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
