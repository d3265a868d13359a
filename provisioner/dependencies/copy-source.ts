import { cp } from "node:fs/promises";
import path from "node:path";

/** Folders that no build needs, and that may be large. */
const LEFT_OUT = new Set([".git", ".hg", ".venv", "venv", "node_modules", "__pycache__"]);

/** Copies a project to be built: builds leave files behind, which would become part of a release. */
export const copySource = (from: string, to: string): Promise<void> =>
  cp(from, to, {
    recursive: true,
    filter: (file) => file === from || !LEFT_OUT.has(path.basename(file)),
  });
