import ignore from "ignore";

/** Text of the ignore files of one folder. */
export interface IgnoreFiles {
  git?: string | undefined;
  everspot?: string | undefined;
}

/**
 * What no release needs: environments, caches, bytecode; `.#…` are an editor's locks, links that lead nowhere. A
 * project brings back what it does need with `!pattern` in .everspotignore.
 */
const BUILT_IN = [
  ".venv/",
  "venv/",
  "__pycache__/",
  "node_modules/",
  ".mypy_cache/",
  ".pytest_cache/",
  ".ruff_cache/",
  ".tox/",
  ".nox/",
  ".DS_Store",
  ".#*",
  "*.py[co]",
];

/**
 * What `.gitignore` and `.everspotignore` files leave out, with git's rules: nested files apply below their
 * folder, later and deeper patterns win, nothing comes back below a folder that is left out. All `.everspotignore`
 * patterns come after all `.gitignore` patterns and after what is left out of every release, so `!dist/` there brings
 * back what git leaves out.
 * Immutable; paths are relative to the outermost folder, "/" between segments.
 */
export class IgnoreRules {
  readonly #git: readonly string[];
  readonly #everspot: readonly string[];
  readonly #matcher: ignore.Ignore;
  readonly #withoutGit: ignore.Ignore;

  constructor(git: readonly string[] = [], everspot: readonly string[] = []) {
    this.#git = git;
    this.#everspot = everspot;
    this.#matcher = ignore({ ignorecase: false }).add([...git, ...BUILT_IN, ...everspot]);
    this.#withoutGit = ignore({ ignorecase: false }).add([...BUILT_IN, ...everspot]);
  }

  /** @param folder where the files are, "" for the outermost folder. */
  with(folder: string, files: IgnoreFiles): IgnoreRules {
    if (files.git === undefined && files.everspot === undefined) return this;
    return new IgnoreRules(
      [...this.#git, ...patternsBelow(folder, files.git ?? "")],
      [...this.#everspot, ...patternsBelow(folder, files.everspot ?? "")],
    );
  }

  ignores(path: string, isFolder: boolean): boolean {
    return this.#matcher.ignores(isFolder ? `${path}/` : path);
  }

  /** Whether it is left out for another reason than `.gitignore`. */
  ignoresAnyway(path: string, isFolder: boolean): boolean {
    return this.#withoutGit.ignores(isFolder ? `${path}/` : path);
  }

  /** Whether `.everspotignore` brings it back by a pattern of its own. */
  bringsBack(path: string, isFolder: boolean): boolean {
    return this.#withoutGit.test(isFolder ? `${path}/` : path).unignored;
  }
}

/** Patterns of an ignore file in `folder`, rewritten to mean the same in the outermost folder. */
export function patternsBelow(folder: string, text: string): string[] {
  const lines = text
    .replace(/^\uFEFF/, "")
    .split(/\r?\n/)
    .filter((line) => line.trim() !== "" && !line.startsWith("#"));
  if (folder === "") return lines;
  const prefix = `/${folder.replace(/[\\*?[\]!# ]/g, "\\$&")}/`;
  return lines.flatMap((line) => {
    const not = line.startsWith("!") ? "!" : "";
    const pattern = line.slice(not.length);
    if (pattern === "/" || pattern === "") return [];
    const anchored = /\/(?=.*[^\s/])/.test(pattern);
    return [`${not}${prefix}${anchored ? pattern.replace(/^\//, "") : `**/${pattern}`}`];
  });
}
