import { constants, fstatSync } from "node:fs";
import { lstat, open, readdir, readFile, readlink, realpath } from "node:fs/promises";
import path from "node:path";
import { messageOf } from "../../agent/site/errors.ts";
import { PathSet, pathProblem } from "../../agent/site/release.ts";
import { repositoryTop } from "../requirements/declaration.ts";
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
  /** What `.gitignore` alone leaves out: the outermost path of each. */
  leftOut: LeftOut[];
  /** Each a sentence about one path that must not go into a release. */
  problems: string[];
  warnings: string[];
}

export interface LeftOut {
  path: string;
  folder: boolean;
}

/** Version control (`.git` is a file in worktrees and submodules), and what everspot itself puts into releases. */
const NEVER = new Set([".git", ".hg", ".svn", ".everspot"]);

export interface ListOptions {
  /** Files that git has though `.gitignore` names them, "/" between segments: they are part of the project. */
  tracked?: readonly string[];
  /** Files that this process writes to, as `fileId` has them. */
  written?: readonly string[];
  /** Databases and folders that the site keeps outside of its releases ([state]). */
  kept?: readonly string[];
}

/**
 * Lists what a project's release holds: its files less what `.gitignore` and `.everspotignore` leave out (those of
 * the folders above count too, up to the repository's top), less version control, virtual environments, caches and
 * bytecode. Links inside the project become copies of what they point to. The only files it reads are ignore files.
 */
export async function listProject(folder: string, options: ListOptions = {}): Promise<Project> {
  const root = await realpath(folder);
  const walk = new Walk(root, new Set(options.written ?? writtenHere()), options.kept ?? []);
  const { rules, prefix } = await rulesAbove(root);
  await walk.folder("", prefix, rules);
  await walk.addTracked(options.tracked ?? [], prefix);
  await walk.resolveLinks();
  walk.checkPaths();
  const files = walk.files.sort((a, b) => Buffer.compare(Buffer.from(a.path), Buffer.from(b.path)));
  const leftOut = walk.leftOut.sort((a, b) => (a.path < b.path ? -1 : 1));
  const { problems, warnings } = walk;
  return { files, leftOut, problems, warnings };
}

/** Files that stdout and stderr go to, as with `everspot up > up.log`. */
function writtenHere(): string[] {
  return [1, 2].flatMap((descriptor) => {
    try {
      const stat = fstatSync(descriptor, { bigint: true });
      return stat.isFile() ? [fileId(stat)] : [];
    } catch {
      return [];
    }
  });
}

const fileId = ({ dev, ino }: { dev: bigint; ino: bigint }): string => `${dev}-${ino}`;

class Walk {
  readonly files: ProjectFile[] = [];
  readonly leftOut: LeftOut[] = [];
  readonly problems: string[] = [];
  readonly warnings: string[] = [];
  readonly #root: string;
  readonly #written: ReadonlySet<string>;
  readonly #kept: ReadonlySet<string>;
  readonly #links: string[] = [];
  /** Rules of the folders that were walked, each with all above it. */
  readonly #rules = new Map<string, IgnoreRules>();

  constructor(root: string, written: ReadonlySet<string>, kept: readonly string[]) {
    this.#root = root;
    this.#written = written;
    // With what SQLite makes beside a database.
    this.#kept = new Set(kept.flatMap((path) => ["", "-wal", "-shm", "-journal"].map((end) => path + end)));
  }

  /** @param prefix path of the project below the rules' outermost folder, "" or with a trailing slash. */
  async folder(relative: string, prefix: string, outer: IgnoreRules): Promise<void> {
    const absolute = path.join(this.#root, relative);
    const entries = await readdir(absolute, { withFileTypes: true }).catch((error: unknown) => {
      this.problems.push(`${relative || "."} cannot be read: ${messageOf(error)}`);
      return [];
    });
    const isEnvironment = relative !== "" && entries.some((e) => e.name === "pyvenv.cfg");
    if (isEnvironment && !outer.bringsBack(prefix + relative, true)) return;
    const rules = outer.with((prefix + relative).replace(/\/$/, ""), await ignoreFiles(absolute));
    this.#rules.set(relative, rules);
    for (const entry of entries) {
      if (NEVER.has(entry.name)) continue;
      const name = relative === "" ? entry.name : `${relative}/${entry.name}`;
      if (this.#kept.has(name)) continue;
      const isFolder = entry.isDirectory();
      // Any link may lead to a folder.
      const ignored =
        rules.ignores(prefix + name, isFolder) ||
        (entry.isSymbolicLink() && rules.ignores(prefix + name, true));
      if (ignored) {
        if (!rules.ignoresAnyway(prefix + name, isFolder))
          this.leftOut.push({ path: name, folder: isFolder });
      } else if (entry.name.includes("\ufffd")) {
        // Node has no other way to say so, and would not find it under this name.
        this.problems.push(`${JSON.stringify(name)} ${pathProblem(name)}`);
      } else if (isFolder) {
        await this.folder(name, prefix, rules);
      } else if (entry.isSymbolicLink()) {
        this.#links.push(name);
      } else if (entry.isFile()) {
        await this.#file(name);
      } else {
        this.warnings.push(`${name} is neither a file nor a folder; left out`);
      }
    }
  }

  /** Files in git that `.gitignore` names, unless they are left out for another reason, too. */
  async addTracked(names: readonly string[], prefix: string): Promise<void> {
    const known = new Set([...this.files.map((f) => f.path), ...this.#links]);
    for (const name of names) {
      const rules = this.#rulesFor(name);
      if (known.has(name) || name.split("/").some((part) => NEVER.has(part))) continue;
      if (rules?.ignoresAnyway(prefix + name, false) !== false) continue;
      if (name.split("/").some((_, i, parts) => this.#kept.has(parts.slice(0, i + 1).join("/")))) continue;
      const stat = await lstat(path.join(this.#root, name)).catch(() => undefined);
      if (stat?.isSymbolicLink()) this.#links.push(name);
      else if (stat?.isFile()) await this.#file(name);
    }
    const there = new Set([...this.files.map((f) => f.path), ...this.#links]);
    const left = this.leftOut.filter((l) => !there.has(l.path));
    this.leftOut.splice(0, Number.POSITIVE_INFINITY, ...left);
  }

  /** Rules of the deepest folder above that was walked. */
  #rulesFor(name: string): IgnoreRules | undefined {
    for (let at = path.posix.dirname(name); ; at = path.posix.dirname(at)) {
      const rules = this.#rules.get(at === "." ? "" : at);
      if (rules !== undefined || at === ".") return rules;
    }
  }

  async #file(name: string): Promise<void> {
    const source = path.join(this.#root, name);
    const stat = await lstat(source, { bigint: true }).catch(() => undefined);
    if (stat === undefined || this.#written.has(fileId(stat))) return;
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
