import { cp, mkdir, mkdtemp, readdir, rm, symlink } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { execa } from "execa";

/**
 * A copy of the project as it lies there, changes that are not committed included, with the same packages.
 * @returns its folder. Whoever asked for it removes it.
 */
export async function copyOf(root: string): Promise<string> {
  const { stdout } = await execa("git", ["ls-files", "-z", "--cached", "--others", "--exclude-standard"], {
    cwd: root,
  });
  const there = new Set(await readdir(root));
  const files = stdout.split("\0").filter((file) => there.has(file.split("/")[0] ?? ""));
  const copy = await mkdtemp(path.join(tmpdir(), "everspot-mutate-"));
  try {
    for (const file of files) {
      await mkdir(path.dirname(path.join(copy, file)), { recursive: true });
      await cp(path.join(root, file), path.join(copy, file), { verbatimSymlinks: true }).catch(unlessGone);
    }
    await linkPackages(root, copy);
  } catch (error) {
    await rm(copy, { recursive: true, force: true });
    throw error;
  }
  return copy;
}

function unlessGone(error: NodeJS.ErrnoException): void {
  if (error.code !== "ENOENT") throw error;
}

/** Each by itself: what tools keep in node_modules stays with the copy. */
async function linkPackages(root: string, copy: string): Promise<void> {
  const from = path.join(root, "node_modules");
  await mkdir(path.join(copy, "node_modules"));
  for (const name of await readdir(from)) {
    if (/^\.(vite|vitest|cache)/.test(name)) continue;
    await symlink(path.join(from, name), path.join(copy, "node_modules", name));
  }
}
