/** A Python with the packages of a release: what the instance will have. */
import { type Dependencies, DependencyCollector, withoutThese } from "../dependencies/dependencies.ts";
import type { OnProgress } from "../dependencies/progress.ts";
import { defaultCacheDir } from "../dependencies/tree-cache.ts";
import { Refused, refuseErrors } from "../findings/finding.ts";
import { findDeclaration } from "../requirements/declaration.ts";
import { leadingName } from "../requirements/requirement-lines.ts";
import type { Requirements } from "../requirements/requirements.ts";
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
  /** Whether a part of the packages will do, where some cannot be had. */
  partly: boolean;
  /** Packages that are left out, whatever requires them. */
  without: readonly string[];
  env: NodeJS.ProcessEnv;
  arch: "x86_64" | "arm64";
  onProgress: OnProgress;
  signal: AbortSignal;
}

/** @param python the instance's, e.g. "3.13". */
export async function packedPython(folder: string, python: string, options: Options): Promise<PackedPython> {
  const { env, arch, onProgress, signal, partly, without } = options;
  const none = { interpreter: undefined, packages: [], error: undefined, dispose: async () => {} };
  try {
    const collector = new DependencyCollector({ python, arch }, { env, signal, without });
    const { requirements, findings } = await collector.read(folder);
    refuseErrors("the project cannot be packed", findings);
    if (requirements === undefined) return none;
    const { made, error } = await collected(collector, requirements, partly, {
      cacheDir: defaultCacheDir(env),
      onProgress,
    });
    const here = process.arch === "arm64" ? "arm64" : "x86_64";
    const runs = !made.meta.compiled || arch === here;
    const command = runs ? await pythonOf(python, env) : undefined;
    const label = `Python ${python} and the packages of a release${error === undefined ? "" : ", as far as they can be had"}`;
    return {
      interpreter:
        command === undefined ? undefined : { command, label, path: [made.folder], ofProject: true },
      packages: made.meta.packages,
      error,
      dispose: () => made.dispose(),
    };
  } catch (error) {
    return { ...none, error };
  }
}

/** @returns what can be had, and why the rest cannot: many a project starts without its database's driver, or uwsgi. */
async function collected(
  collector: DependencyCollector,
  requirements: Requirements,
  partly: boolean,
  options: Parameters<DependencyCollector["collect"]>[1],
): Promise<{ made: Dependencies; error: unknown }> {
  try {
    return { made: await collector.collect(requirements, options), error: undefined };
  } catch (error) {
    if (!partly || !(error instanceof Refused) || !error.findings.every((f) => f.id === NO_WHEEL))
      throw error;
    const made = await collector.collect(withoutThese(requirements, unbuilt(error)), options).catch(() => {
      throw error;
    });
    return { made, error };
  }
}

/** Names of the packages that have no wheel. */
export const unbuilt = (error: unknown): string[] =>
  error instanceof Refused
    ? error.findings.filter((f) => f.id === NO_WHEEL).map((f) => leadingName(f.where ?? ""))
    : [];

/** Packing finds it: a package has no wheel for the instance. */
const NO_WHEEL = "packing.E022";

/** The file that declares what the project depends on, in whichever form; undefined where there is none. */
export async function declaredIn(folder: string): Promise<string | undefined> {
  const { declaration, findings } = await findDeclaration(folder);
  return declaration?.from ?? findings[0]?.what;
}
