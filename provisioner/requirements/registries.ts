/** Registries that a lock names, as options of pip. Only for lines with hashes: pip asks every index for every name. Pure. */
import path from "node:path";
import { pathToFileURL } from "node:url";
import type { TomlTable } from "smol-toml";
import { isPublicIndex } from "./own-names.ts";
import { isTable, tableAt } from "./read.ts";

export interface Registry {
  /** An address, or a folder of this machine. */
  at: string;
  /** As the project calls it, which is how its credentials are found. */
  name?: string | undefined;
}

/** @param folder where relative ones start. */
export function registryOptions(
  registries: readonly Registry[],
  folder: string,
  env: NodeJS.ProcessEnv,
): string[] {
  // Who tells pip to ask no index means these, too.
  if (/^(1|true|yes|on)$/i.test(env.PIP_NO_INDEX ?? "")) return [];
  const options = registries.flatMap((registry) => {
    if (!/^https?:/.test(registry.at))
      return [`--find-links ${place(path.resolve(folder, registry.at.replace(/^file:\/\//, "")))}`];
    return isPublicIndex(registry.at) ? [] : [`--extra-index-url ${withCredentials(registry, env)}`];
  });
  return [...new Set(options)].sort();
}

/** uv's and Poetry's variables for them: UV_INDEX_NAME_USERNAME, POETRY_HTTP_BASIC_NAME_PASSWORD. */
function withCredentials({ at, name }: Registry, env: NodeJS.ProcessEnv): string {
  if (name === undefined || !URL.canParse(at)) return at;
  const key = name.toUpperCase().replace(/[^A-Z0-9]+/g, "_");
  const prefix = [`UV_INDEX_${key}`, `POETRY_HTTP_BASIC_${key}`].find(
    (p) => env[`${p}_USERNAME`] !== undefined || env[`${p}_PASSWORD`] !== undefined,
  );
  const url = new URL(at);
  if (prefix === undefined || url.username !== "") return at;
  url.username = env[`${prefix}_USERNAME`] ?? "";
  url.password = env[`${prefix}_PASSWORD`] ?? "";
  return url.href;
}

/** What uv calls its registries, by address. */
export function uvNames(project: TomlTable | undefined): Map<string, string> {
  const list = tableAt(project, "tool", "uv").index;
  return new Map(
    (Array.isArray(list) ? list.filter(isTable) : []).flatMap(({ name, url }) =>
      typeof name === "string" && typeof url === "string" ? [[url.replace(/\/$/, ""), name] as const] : [],
    ),
  );
}

/** A folder as an option of pip may name it: pip splits its options as a shell does, and cuts them at " #". */
export const place = (folder: string): string =>
  /^[\w./:@%+=,~-]+$/.test(folder) ? folder : pathToFileURL(folder).href;

/** A line of options as pip's own arguments. */
export function argumentsOf(option: string): string[] {
  const [, name, value] = /^(--?[a-z-]+?)(?:\s*=\s*|\s+|(?<=^-[if]))(\S.*)$/.exec(option) ?? [];
  if (name === undefined || value === undefined) return [option];
  return [name, value.replace(/^(["'])(.*)\1$/, "$2")];
}
