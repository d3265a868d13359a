import { mkdir, readdir, symlink } from "node:fs/promises";
import path from "node:path";
import { agentSources } from "../../provisioner/archive/agent-archive.ts";

/**
 * A cache folder for the CLI that goes with the bench: Node and agent archives are those of this machine, what
 * the CLI adds is not. To be given as XDG_CACHE_HOME.
 */
export async function ownCache(folder: string): Promise<string> {
  const { cacheDir } = agentSources();
  const mine = path.join(folder, "everspot");
  await mkdir(mine, { recursive: true });
  for (const name of await readdir(cacheDir)) {
    if (name !== "trees") await symlink(path.join(cacheDir, name), path.join(mine, name));
  }
  return folder;
}
