/** node_modules as the lockfile says. Plain JavaScript of Node alone: it runs before anything is installed. */
import { readFileSync } from "node:fs";
import path from "node:path";

/** Whether a folder's node_modules holds what its lockfile says; packages for other platforms may be absent. */
export function modulesFit(folder) {
  const read = (file) => JSON.parse(readFileSync(path.join(folder, file), "utf8")).packages;
  let installed;
  try {
    installed = read("node_modules/.package-lock.json");
  } catch (error) {
    if (error.code === "ENOENT") return false;
    throw error;
  }
  return Object.entries(read("package-lock.json")).every(
    ([place, { version, optional }]) =>
      place === "" || (installed[place] ? installed[place].version === version : optional),
  );
}

/**
 * The environment for an npm that works on a folder, whatever npm runs this script: options of its command line
 * (`--global`) reach its scripts as variables.
 */
export function forFolder(env) {
  const ofCommandLine = /^npm_config_(global|location|omit|include|ignore_scripts|dry_run|json)$/i;
  return Object.fromEntries(Object.entries(env).filter(([name]) => !ofCommandLine.test(name)));
}
