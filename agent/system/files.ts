import { randomBytes } from "node:crypto";
import { open, readFile, rename, rm, symlink } from "node:fs/promises";

/** Writes a file as a whole or not at all: a reader sees the old or the new content, also after a power cut. */
export async function writeAtomic(file: string, content: string | Uint8Array, mode: number): Promise<void> {
  const next = nextTo(file);
  try {
    const handle = await open(next, "wx", mode);
    try {
      await handle.chmod(mode);
      await handle.writeFile(content);
      await handle.sync();
    } finally {
      await handle.close();
    }
    await rename(next, file);
  } catch (error) {
    await rm(next, { force: true });
    throw error;
  }
}

/** Points a symlink somewhere else without a moment in which it does not exist. */
export async function pointLink(link: string, target: string): Promise<void> {
  const next = nextTo(link);
  await symlink(target, next);
  await rename(next, link);
}

/** Undefined when there is no such file. */
export async function readIfThere(file: string): Promise<string | undefined> {
  try {
    return await readFile(file, "utf8");
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return undefined;
    throw error;
  }
}

const nextTo = (file: string): string => `${file}.${randomBytes(6).toString("hex")}.next`;
