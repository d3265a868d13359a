/** What of a Django project its files alone tell. */
import { readFile } from "node:fs/promises";
import path from "node:path";
import { listProject, type ProjectFile } from "../release/project.ts";

export interface Layout {
  /** Absolute: the folder of everspot.toml. */
  top: string;
  /** The app's folder below it, "" for itself: `[app] root`. */
  root: string;
  /** Absolute. */
  folder: string;
  /** What a release of the app's folder would hold, relative to it. */
  files: readonly ProjectFile[];
  /** Further folders that would do as root: each has a manage.py. */
  others: readonly string[];
  /** Applications that Procfile, Dockerfile and scripts start, as gunicorn takes them: "mysite.wsgi:application". */
  started: readonly string[];
  /** Files of the top and of the app's folder, by name. */
  names: ReadonlySet<string>;
}

/** Where an app begins: the folder of the shallowest manage.py; examples and tests come last. */
export function appRoots(files: readonly string[]): string[] {
  const aside = (folder: string): number =>
    /(^|\/)(tests?|examples?|docs?|demo|sandbox)(\/|$)/.test(folder) ? 1 : 0;
  return files
    .filter((file) => path.posix.basename(file) === "manage.py")
    .map((file) => (file.includes("/") ? path.posix.dirname(file) : ""))
    .sort((a, b) => aside(a) - aside(b) || depth(a) - depth(b) || (a < b ? -1 : 1));
}

const depth = (folder: string): number => (folder === "" ? 0 : folder.split("/").length);

/** @param root `[app] root`, where it is known. */
export async function layoutOf(top: string, root?: string): Promise<Layout> {
  const all = (await listProject(top)).files;
  const roots = appRoots(all.map((f) => f.path));
  const chosen = root ?? roots[0] ?? "";
  const folder = path.join(top, chosen);
  const files = chosen === "" ? all : (await listProject(folder)).files;
  return {
    ...{ top, root: chosen, folder, files },
    others: roots.filter((r) => r !== chosen && depth(r) <= 3),
    started: await startedApps([...all, ...files]),
    names: new Set([...all, ...files].map((f) => f.path)),
  };
}

/** Where people say how their app is started. */
const SCRIPT =
  /^(Procfile[\w.]*|.*\.sh|[\w.-]*Dockerfile[\w.-]*|fly\.toml|render\.yaml|app\.yaml|nixpacks\.toml|(bin|scripts|docker|compose)\/[^/]+)$/;
const LARGEST = 64 * 1024;

async function startedApps(files: readonly ProjectFile[]): Promise<string[]> {
  const found = new Set<string>();
  for (const file of files) {
    if (!SCRIPT.test(file.path) || file.size > LARGEST) continue;
    for (const app of gunicornApps(await readFile(file.source, "utf8").catch(() => ""))) found.add(app);
  }
  return [...found];
}

/** What `gunicorn … mysite.wsgi` in a text starts, with the callable that gunicorn takes if none is named. */
export function gunicornApps(text: string): string[] {
  const joined = text.replaceAll(/\\\r?\n/g, " ");
  return [...joined.matchAll(/\bgunicorn\b([^\n;&|]*)/g)].flatMap(([, rest = ""]) => {
    const words = rest.split(/[\s"',[\]]+/);
    const app = words.find((word) => /^[A-Za-z_]\w*(\.\w+)*:[A-Za-z_]\w*$/.test(word));
    if (app !== undefined) return [app];
    const module = words.find(
      (word, i) => /^[A-Za-z_]\w*(\.\w+)+$/.test(word) && !/^-/.test(words[i - 1] ?? ""),
    );
    return module === undefined ? [] : [`${module}:application`];
  });
}
