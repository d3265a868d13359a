/** Who imports whom, read from the files themselves. Imports of types count like any other. */
import { readdirSync, readFileSync } from "node:fs";
import path from "node:path";

/** Paths from the project's root, with "/". */
export interface Import {
  from: string;
  to: string;
}

/** Test files beside what they test are no part of it. */
const isSource = (name: string): boolean => name.endsWith(".ts") && !name.endsWith(".test.ts");

/** All sources in some folders, sorted. */
export function sources(root: string, folders: readonly string[]): string[] {
  return folders
    .flatMap((folder) =>
      readdirSync(path.join(root, folder), { recursive: true, encoding: "utf8" }).map(
        (name) => `${folder}/${name.split(path.sep).join("/")}`,
      ),
    )
    .filter(isSource)
    .sort();
}

/** What a source imports of the project: relative specifiers, resolved. */
export function importsOf(file: string, text: string): Import[] {
  const found = text.matchAll(/\bfrom\s+"(\.[^"]+)"|\bimport\s*\(?\s*"(\.[^"]+)"/g);
  return [...found].map((match) => ({
    from: file,
    to: path.posix.join(path.posix.dirname(file), match[1] ?? match[2] ?? ""),
  }));
}

export const readImports = (root: string, files: readonly string[]): Import[] =>
  files.flatMap((file) => importsOf(file, readFileSync(path.join(root, file), "utf8")));
