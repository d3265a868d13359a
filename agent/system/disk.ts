import { statfs } from "node:fs/promises";

/** Percent used of a file system, as `df` counts it. */
export async function diskUsed(path: string): Promise<number> {
  const { blocks, bfree, bavail } = await statfs(path);
  const used = blocks - bfree;
  return used + bavail === 0 ? 0 : Math.round((100 * used) / (used + bavail));
}
