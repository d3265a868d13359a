/** Packages that a site does without though another requires them. */
import { readdir, readFile, rm } from "node:fs/promises";
import path from "node:path";
import { normalName } from "../requirements/requirement-lines.ts";

/** Takes out of an installed tree what others brought along. @param names normalised. */
export async function takeOut(tree: string, names: readonly string[]): Promise<void> {
  const infos = (await readdir(tree)).filter((name) =>
    names.includes(normalName(/^(.+?)-[^-]+\.dist-info$/.exec(name)?.[1] ?? "")),
  );
  for (const info of infos) {
    const record = await readFile(path.join(tree, info, "RECORD"), "utf8").catch(() => "");
    for (const line of record.split("\n")) {
      // PEP 376: path, hash and size; a path with a comma is quoted.
      const name = /^"([^"]+)"|^([^,]+)/.exec(line)?.slice(1).find(Boolean);
      if (name === undefined) continue;
      const file = path.resolve(tree, name.replace(/^(?:\.\.\/)+/, ""));
      if (file.startsWith(`${tree}${path.sep}`)) await rm(file, { force: true });
    }
    await rm(path.join(tree, info), { recursive: true, force: true });
  }
  if (infos.length > 0) await removeEmpty(tree);
}

/** @returns whether it is empty now. */
async function removeEmpty(folder: string): Promise<boolean> {
  let left = false;
  for (const entry of await readdir(folder, { withFileTypes: true })) {
    const inside = path.join(folder, entry.name);
    if (entry.isDirectory() && (await removeEmpty(inside))) await rm(inside, { recursive: true });
    else left = true;
  }
  return !left;
}
