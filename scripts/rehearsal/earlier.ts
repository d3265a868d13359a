/** An everspot of before, built from this clone's history. */
import { mkdir, mkdtemp, rm, symlink } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { execa } from "execa";
import { EverspotError } from "../../agent/site/errors.ts";

const REPOSITORY = path.resolve(import.meta.dirname, "../..");

export interface Earlier {
  /** Its everspot.mjs. */
  cli: string;
  remove(): Promise<void>;
}

/**
 * Takes the sources of a commit, and bundles them as they say with the packages that are installed here.
 * @throws EverspotError when the clone does not reach back to it.
 */
export async function buildEarlier(commit: string): Promise<Earlier> {
  const git = { cwd: REPOSITORY };
  const known = await execa("git", ["cat-file", "-e", `${commit}^{commit}`], { ...git, reject: false });
  if (known.failed) {
    throw new EverspotError(`commit ${commit.slice(0, 7)}, to upgrade from, is not in this clone`, {
      resource: REPOSITORY,
      hint: "it needs the history: git fetch --unshallow",
    });
  }
  const folder = await mkdtemp(path.join(tmpdir(), "everspot-earlier-"));
  const remove = () => rm(folder, { recursive: true, force: true });
  try {
    const archive = path.join(folder, "sources.tar");
    const root = path.join(folder, "everspot");
    await mkdir(root);
    await execa("git", ["archive", "--output", archive, commit], git);
    await execa("tar", ["-xf", archive, "-C", root]);
    await symlink(path.join(REPOSITORY, "node_modules"), path.join(root, "node_modules"));
    await execa("npm", ["run", "--silent", "build"], { cwd: root, preferLocal: true });
    return { cli: path.join(root, "dist/everspot.mjs"), remove };
  } catch (error) {
    await remove();
    throw error;
  }
}
