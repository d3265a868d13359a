/** A Python with the packages of a release: what the instance will have. */
import { DependencyCollector } from "../dependencies/dependencies.ts";
import type { OnProgress } from "../dependencies/progress.ts";
import { defaultCacheDir } from "../dependencies/tree-cache.ts";
import { refuseErrors } from "../findings/finding.ts";
import { findDeclaration } from "../requirements/declaration.ts";
import { type Interpreter, pythonOf } from "./interpreters.ts";

export interface PackedPython {
  /** Undefined where the project declares no packages, or no Python of that version is here. */
  interpreter: Interpreter | undefined;
  /** "name version". */
  packages: readonly string[];
  /** Why its packages cannot be had. */
  error: unknown;
  dispose(): Promise<void>;
}

interface Options {
  env: NodeJS.ProcessEnv;
  arch: "x86_64" | "arm64";
  onProgress: OnProgress;
  signal: AbortSignal;
}

/** @param python the instance's, e.g. "3.13". */
export async function packedPython(folder: string, python: string, options: Options): Promise<PackedPython> {
  const { env, arch, onProgress, signal } = options;
  const none = { interpreter: undefined, packages: [], error: undefined, dispose: async () => {} };
  try {
    const collector = new DependencyCollector({ python, arch }, { env, signal });
    const { requirements, findings } = await collector.read(folder);
    refuseErrors("the project cannot be packed", findings);
    if (requirements === undefined) return none;
    const made = await collector.collect(requirements, { cacheDir: defaultCacheDir(env), onProgress });
    const here = process.arch === "arm64" ? "arm64" : "x86_64";
    const runs = !made.meta.compiled || arch === here;
    const command = runs ? await pythonOf(python, env) : undefined;
    const label = `Python ${python} and the packages of a release`;
    return {
      interpreter: command === undefined ? undefined : { command, label, path: [made.folder] },
      packages: made.meta.packages,
      error: undefined,
      dispose: () => made.dispose(),
    };
  } catch (error) {
    return { ...none, error };
  }
}

/** The file that declares what the project depends on, in whichever form; undefined where there is none. */
export async function declaredIn(folder: string): Promise<string | undefined> {
  const { declaration, findings } = await findDeclaration(folder);
  return declaration?.from ?? findings[0]?.what;
}
