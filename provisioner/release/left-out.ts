/** What `.gitignore` leaves out of a release and the site may miss. Only looks. */
import { readdir, readFile } from "node:fs/promises";
import path from "node:path";
import { type Finding, warningFinding } from "../findings/finding.ts";
import { importedBy } from "./imports.ts";
import type { LeftOut, Project } from "./project.ts";

/** How the site's static files come about. */
export interface StaticFiles {
  /** The folders that are served, from the project's. */
  folders: readonly string[];
  /** Whether `before_start` collects them on the instance. */
  collected: boolean;
}

export async function leftOutFindings(
  project: Project,
  folder: string,
  served: StaticFiles,
): Promise<Finding[]> {
  return [
    ...(await missingModules(project, folder)),
    ...(await missingFiles(project.leftOut, folder, served)),
  ];
}

const hintFor = ({ path: name, folder }: LeftOut, before = ""): { hint: string } => ({
  hint: `${before}bring it back with a line in .everspotignore: !/${name}${folder ? "/" : ""}`,
});

/** Larger ones are data. */
const SOURCE_BYTES = 1_000_000;

async function missingModules({ files, leftOut }: Project, folder: string): Promise<Finding[]> {
  const modules = await Promise.all(
    leftOut.map(async (left) =>
      (await isModule(left, folder)) ? [{ left, name: moduleName(left.path) }] : [],
    ),
  );
  const names = modules.flat();
  if (names.length === 0) return [];
  const users = new Map<LeftOut, string>();
  for (const file of files.filter((f) => f.path.endsWith(".py") && f.size <= SOURCE_BYTES)) {
    const imports = importedBy(file.path, await readFile(file.source, "utf8").catch(() => ""));
    for (const { left, name } of names) {
      const uses = imports.some((i) => i === name || i.startsWith(`${name}.`));
      if (uses && !users.has(left)) users.set(left, file.path);
    }
  }
  return names.flatMap(({ left }) => {
    const user = users.get(left);
    if (user === undefined) return [];
    const what = `is left out, because .gitignore names it, but ${user} imports it`;
    return [warningFinding("packing.W010", what, { where: left.path, ...hintFor(left) })];
  });
}

async function isModule({ path: name, folder: isFolder }: LeftOut, root: string): Promise<boolean> {
  if (!isFolder) return name.endsWith(".py");
  const names = await readdir(path.join(root, name)).catch((): string[] => []);
  return names.some((n) => n.endsWith(".py")) && !names.includes("pyvenv.cfg");
}

/** "src/site/lib" is imported as "site.lib". */
const moduleName = (name: string): string =>
  name
    .replace(/\.py$/, "")
    .replace(/^src\//, "")
    .replaceAll("/", ".");

const ASSET = /\.(css|m?js|woff2?|svg|png|jpe?g|webp|avif|gif|ico|wasm)$/i;
const DEPTH = 4;

async function missingFiles(
  leftOut: readonly LeftOut[],
  folder: string,
  { folders: served, collected }: StaticFiles,
): Promise<Finding[]> {
  const found: Finding[] = [];
  for (const left of leftOut) {
    const isServed = served.some((one) => `${one}/`.startsWith(`${left.path}/`));
    if (isServed) {
      if (collected) continue;
      found.push(
        warningFinding(
          "packing.W011",
          "is the folder of [app] static, and is left out, because .gitignore names it; nothing in before_start makes it",
          {
            where: left.path,
            ...hintFor(left, "add `python3 manage.py collectstatic --noinput` to before_start, or "),
          },
        ),
      );
      continue;
    }
    const folders = (left.folder ? left.path : path.posix.dirname(left.path)).split("/");
    if (folders.includes("static") && (await hasAssets(left, folder))) {
      found.push(
        warningFinding(
          "packing.W012",
          "holds built files for pages, and is left out, because .gitignore names it",
          { where: left.path, ...hintFor(left, "build them before packing, and ") },
        ),
      );
    }
  }
  return found;
}

async function hasAssets({ path: name, folder: isFolder }: LeftOut, root: string): Promise<boolean> {
  if (!isFolder) return ASSET.test(name);
  let folders = [path.join(root, name)];
  for (let depth = 0; depth < DEPTH && folders.length > 0; depth++) {
    const below: string[] = [];
    for (const at of folders) {
      for (const entry of await readdir(at, { withFileTypes: true }).catch(() => [])) {
        if (entry.isFile() && ASSET.test(entry.name)) return true;
        if (entry.isDirectory()) below.push(path.join(at, entry.name));
      }
    }
    folders = below;
  }
  return false;
}
