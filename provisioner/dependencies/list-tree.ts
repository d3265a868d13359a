import { lstat, readdir } from "node:fs/promises";
import path from "node:path";

/** Every file below a folder, with its path relative to it, "/" between segments. */
export async function listTree(
  root: string,
  relative = "",
): Promise<{ path: string; source: string; size: number; executable: boolean }[]> {
  const found: { path: string; source: string; size: number; executable: boolean }[] = [];
  for (const entry of await readdir(path.join(root, relative), { withFileTypes: true })) {
    const name = relative === "" ? entry.name : `${relative}/${entry.name}`;
    if (entry.isDirectory()) {
      found.push(...(await listTree(root, name)));
    } else if (entry.isFile()) {
      const source = path.join(root, name);
      const { size, mode } = await lstat(source);
      found.push({ path: name, source, size, executable: (mode & 0o100) !== 0 });
    }
  }
  return found;
}
