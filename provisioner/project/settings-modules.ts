/** Which settings module a site should run with, out of what the project's files say. Pure. */
import type { Entry } from "./read.ts";

/** Made for a person's own computer, or for others to build on. */
const NOT_FOR_A_SITE = /(^|[._])(dev\w*|local\w*|debug|tests?|testing|ci|base|common|defaults?|staging)$/;
const FOR_A_SITE = ["production", "prod", "live", "deployment", "deploy"];

/** Candidates, the likeliest first. @param files relative, "/" between parts. */
export function settingsModules(
  files: readonly string[],
  entries: Readonly<Record<string, Entry>>,
): string[] {
  const modules = new Set(files.filter((f) => f.endsWith(".py")).map(moduleOf));
  const named = byWeight(entries).flatMap(({ settings }) =>
    settings !== null && modules.has(settings) ? [settings] : [],
  );
  const [first] = named;
  const likely =
    first === undefined ? unnamed([...modules]) : NOT_FOR_A_SITE.test(first) ? beside(first, modules) : [];
  return [...new Set([...likely, ...named])];
}

/** What is served says more than what a person types. */
const byWeight = (entries: Readonly<Record<string, Entry>>): Entry[] =>
  ["wsgi.py", "asgi.py", "manage.py", "app.py"].flatMap((name) =>
    Object.entries(entries)
      .filter(([file]) => file === name || file.endsWith(`/${name}`))
      .map(([, entry]) => entry),
  );

const beside = (module: string, modules: ReadonlySet<string>): string[] => {
  const folder = module.slice(0, module.lastIndexOf(".") + 1);
  return FOR_A_SITE.map((name) => folder + name).filter((m) => modules.has(m));
};

function unnamed(modules: readonly string[]): string[] {
  const found = modules.filter(
    (m) => /(^|\.)settings(\.\w+)?$/.test(m) && !/(^|\.)(tests?|node_modules|docs)\./.test(m),
  );
  const rank = (module: string): number => {
    const last = module.split(".").at(-1) ?? "";
    if (FOR_A_SITE.includes(last)) return 0;
    if (last === "settings") return 1;
    if (last === "base" || last === "common") return 2;
    return 3;
  };
  return found
    .sort((a, b) => rank(a) - rank(b) || a.split(".").length - b.split(".").length || (a < b ? -1 : 1))
    .slice(0, 3);
}

export const moduleOf = (file: string): string => file.replace(/(\/__init__)?\.py$/, "").replaceAll("/", ".");

/** The file of a module, if the project has it. @param files relative. */
export function fileOf(module: string, files: ReadonlySet<string>): string | undefined {
  const path = module.replaceAll(".", "/");
  return [`${path}.py`, `${path}/__init__.py`].find((file) => files.has(file));
}
