/** The proposed files beside those that are there. */
import { mkdir, readFile, rename, rm, writeFile } from "node:fs/promises";
import path from "node:path";
import type { ProposedFile } from "./propose.ts";
import { isUntouched } from "./seal.ts";

export interface Compared extends ProposedFile {
  /** What is there; undefined where nothing is. */
  before: string | undefined;
  /** `added`: all that is there stays, and more comes. `older`: an earlier `init` wrote it, unchanged since. */
  state: "new" | "same" | "added" | "older" | "differs";
}

export const compare = (top: string, files: readonly ProposedFile[]): Promise<Compared[]> =>
  Promise.all(
    files.map(async (file) => {
      const before = await readFile(path.join(top, file.path), "utf8").catch(
        (error: NodeJS.ErrnoException) => {
          if (error.code === "ENOENT") return undefined;
          throw error;
        },
      );
      return { ...file, before, state: stateOf(before, file.text) };
    }),
  );

function stateOf(before: string | undefined, after: string): Compared["state"] {
  if (before === undefined) return "new";
  if (before === after) return "same";
  if (isUntouched(before)) return "older";
  return after.startsWith(before) ? "added" : "differs";
}

/** Each whole or not at all. */
export async function writeFiles(top: string, files: readonly ProposedFile[]): Promise<void> {
  for (const { path: name, text } of files) {
    const file = path.join(top, name);
    const part = `${file}.everspot-part`;
    await mkdir(path.dirname(file), { recursive: true });
    try {
      await writeFile(part, text, { flag: "wx" });
      await rename(part, file);
    } catch (error) {
      await rm(part, { force: true });
      throw error;
    }
  }
}
