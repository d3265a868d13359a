import { existsSync } from "node:fs";
import { dirname, join } from "node:path";

/** A file of the everspot package: the program's folder differs between the sources and the bundle. */
export function inPackage(path: string): string {
  for (let folder = import.meta.dirname; ; folder = dirname(folder)) {
    if (existsSync(join(folder, "package.json"))) return join(folder, path);
    if (folder === dirname(folder)) throw new Error(`no package.json above ${import.meta.dirname}`);
  }
}
