import { constants } from "node:fs";
import { lstat, open, readdir, readFile, readlink, realpath } from "node:fs/promises";
import path from "node:path";
import { messageOf } from "../../agent/site/errors.ts";
import { PathSet, pathProblem } from "../../agent/site/release.ts";
import { type IgnoreFiles, IgnoreRules } from "./ignore-rules.ts";

/** A file of the project that goes into the release. */
export interface ProjectFile {
  /** In the release: relative, "/" between segments. */
  path: string;
  /** Absolute path to read it from. */
  source: string;
  size: number;
  executable: boolean;
  /** Changes whenever content or mode does: inode and ctime, which no tool can set back. */
  stamp: string;
}

export interface Project {
  /** By path, in byte order. */
  files: ProjectFile[];
  /** Each a sentence about one path that must not go into a release. */
  problems: string[];
  warnings: string[];
}

const FOLDERS_LEFT_OUT = new Set([
  ".git",
  ".hg",
  ".svn",
  ".venv",
  "venv",
  "__pycache__",
  "node_modules",
  ".everspot",
  ".mypy_cache",
  ".pytest_cache",
  ".ruff_cache",
  ".tox",
  ".nox",
]);
/** `.git` is a file in worktrees and submodules; `.#…` are an editor's locks: links that lead nowhere. */
const FILES_LEFT_OUT = /^(\.git|\.DS_Store|\.#.*|.*\.py[co])$/;

/**
 * Lists what a project's release holds: its files less what `.gitignore` and `.everspotignore` leave out (those of
 * the folders above count too, up to the repository's top), less version control, virtual environments, caches and
 * bytecode. Links inside the project become copies of what they point to. The only files it reads are ignore files.
 */
export async function listProject(folder: string): Promise<Project> {
  const root = await realpath(folder);
  const walk = new Walk(root);
  const { rules, prefix } = await rulesAbove(root);
  await walk.folder("", prefix, rules);
  await walk.resolveLinks();
  walk.checkPaths();
  const files = walk.files.sort((a, b) => Buffer.compare(Buffer.from(a.path), Buffer.from(b.path)));
  return { files, problems: walk.problems, warnings: walk.warnings };
}

class Walk {
  readonly files: ProjectFile[] = [];
  readonly problems: string[] = [];
  readonly warnings: string[] = [];
  readonly #root: string;
  readonly #links: string[] = [];

  constructor(root: string) {
    this.#root = root;
  }

  /** @param prefix path of the project below the rules' outermost folder, "" or with a trailing slash. */
  async folder(relative: string, prefix: string, outer: IgnoreRules): Promise<void> {
    const absolute = path.join(this.#root, relative);
    const entries = await readdir(absolute, { withFileTypes: true }).catch((error: unknown) => {
      this.problems.push(`${relative || "."} cannot be read: ${messageOf(error)}`);
      return [];
    });
    if (relative !== "" && entries.some((e) => e.name === "pyvenv.cfg")) return;
    const rules = outer.with((prefix + relative).replace(/\/$/, ""), await ignoreFiles(absolute));
    for (const entry of entries) {
      const name = relative === "" ? entry.name : `${relative}/${entry.name}`;
      if (entry.isDirectory()) {
        if (FOLDERS_LEFT_OUT.has(entry.name) || rules.ignores(prefix + name, true)) continue;
        await this.folder(name, prefix, rules);
      } else if (!FILES_LEFT_OUT.test(entry.name) && !rules.ignores(prefix + name, false)) {
        if (entry.isSymbolicLink()) {
          if (!FOLDERS_LEFT_OUT.has(entry.name) && !rules.ignores(prefix + name, true))
            this.#links.push(name);
        } else if (entry.isFile()) {
          await this.#file(name);
        } else {
          this.warnings.push(`${name} is neither a file nor a folder; left out`);
        }
      }
    }
  }

  async #file(name: string): Promise<void> {
    const source = path.join(this.#root, name);
    const stat = await lstat(source, { bigint: true }).catch(() => undefined);
    if (stat === undefined) return;
    this.files.push({
      path: name,
      source,
      size: Number(stat.size),
      executable: (stat.mode & 0o100n) !== 0n,
      stamp: `${stat.ino}-${stat.ctimeNs}-${stat.size}`,
    });
  }

  /** A link becomes copies of files that are in the release anyway; every other link is a problem. */
  async resolveLinks(): Promise<void> {
    const plain = [...this.files];
    for (const link of this.#links) {
      const source = path.join(this.#root, link);
      const shown = `${link} is a symbolic link to ${await readlink(source)}`;
      const real = await realpath(source).catch(() => undefined);
      if (real === undefined) {
        this.problems.push(`${shown}, which leads nowhere`);
        continue;
      }
      const target = path.relative(this.#root, real).split(path.sep).join("/");
      if (target === ".." || target.startsWith("../") || path.isAbsolute(target)) {
        this.problems.push(`${shown}, which is outside the project`);
        continue;
      }
      const below = target === "" ? "" : `${target}/`;
      if (`${link}/`.startsWith(below) || this.#links.some((other) => other.startsWith(below))) {
        this.problems.push(`${shown}, a folder that has links itself`);
        continue;
      }
      const copies = plain
        .filter((f) => f.path === target || f.path.startsWith(below))
        .map((f) => ({ ...f, path: link + f.path.slice(target.length) }));
      if (copies.length === 0) this.problems.push(`${shown}, which is left out of the release`);
      this.files.push(...copies);
    }
  }

  checkPaths(): void {
    const seen = new PathSet();
    for (const { path: name } of this.files) {
      const problem = pathProblem(name) ?? seen.add(name, false);
      if (problem !== undefined) this.problems.push(`${JSON.stringify(name)} ${problem}`);
    }
  }
}

async function ignoreFiles(folder: string): Promise<IgnoreFiles> {
  const git = await readText(path.join(folder, ".gitignore"));
  const everspot = await readText(path.join(folder, ".everspotignore"));
  return { git, everspot };
}

/** Ignore files of the folders above, from the repository's top, unless they leave out the project as a whole. */
async function rulesAbove(root: string): Promise<{ rules: IgnoreRules; prefix: string }> {
  const alone = { rules: new IgnoreRules(), prefix: "" };
  const top = await repositoryTop(root);
  if (top === undefined || top === root) return alone;
  const steps = path.relative(top, root).split(path.sep);
  let rules = new IgnoreRules();
  for (let depth = 0; depth < steps.length; depth++) {
    const above = steps.slice(0, depth);
    const git = await readText(path.join(top, ...above, ".gitignore"));
    rules = rules.with(above.join("/"), { git });
  }
  const project = steps.join("/");
  return rules.ignores(project, true) ? alone : { rules, prefix: `${project}/` };
}

async function repositoryTop(folder: string): Promise<string | undefined> {
  for (let at = folder; ; at = path.dirname(at)) {
    if (await lstat(path.join(at, ".git")).catch(() => undefined)) return at;
    if (at === path.dirname(at)) return undefined;
  }
}

/** Ignore files that are links are not followed, as git does since 2.32. */
async function readText(file: string): Promise<string | undefined> {
  try {
    const handle = await open(file, constants.O_RDONLY | constants.O_NOFOLLOW);
    try {
      return await readFile(handle, "utf8");
    } finally {
      await handle.close();
    }
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === "ENOENT" || code === "ELOOP" || code === "EISDIR") return undefined;
    throw error;
  }
}
