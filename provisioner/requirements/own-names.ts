/**
 * Packages that a project takes from somewhere else than the index. Anyone may publish something of the same name on
 * the index (dependency confusion), so what is named here must never be fetched from there by its name alone. Pure.
 */
import type { TomlTable } from "smol-toml";
import { errorFinding, type Finding } from "../findings/finding.ts";
import { isTable, tableAt } from "./read.ts";
import { normalName, type RequirementLine } from "./requirement-lines.ts";

/** By normalised name: where it comes from, e.g. "a workspace member ([tool.uv.sources])". */
export type OwnNames = ReadonlyMap<string, string>;

export function ownNames(project: TomlTable | undefined): OwnNames {
  const own = new Map<string, string>();
  for (const [name, source] of Object.entries(tableAt(project, "tool", "uv", "sources"))) {
    const place = placeOf(source, ["workspace", "path", "git", "url", "index"]);
    if (place !== undefined) own.set(normalName(name), `${place} ([tool.uv.sources])`);
  }
  const poetry = tableAt(project, "tool", "poetry");
  const groups = Object.keys(tableAt(poetry, "group")).map((g) =>
    tableAt(poetry, "group", g, "dependencies"),
  );
  for (const table of [tableAt(poetry, "dependencies"), tableAt(poetry, "dev-dependencies"), ...groups]) {
    for (const [name, source] of Object.entries(table)) {
      const place = placeOf(source, ["path", "git", "url", "file", "source"]);
      if (place !== undefined) own.set(normalName(name), `${place} ([tool.poetry])`);
    }
  }
  return own;
}

const PLACES: Readonly<Record<string, string>> = {
  workspace: "a workspace member",
  path: "a folder",
  file: "a file",
  git: "a git repository",
  url: "an address",
  index: "a registry of its own",
  source: "a registry of its own",
};

/** @param source a table, or several that markers choose from. */
function placeOf(source: unknown, keys: readonly string[]): string | undefined {
  const tables = (Array.isArray(source) ? source : [source]).filter(isTable);
  const key = keys.find((k) => tables.some((t) => t[k] !== undefined && t[k] !== false));
  return key === undefined ? undefined : PLACES[key];
}

/**
 * Lines that would take such a package from the index. One with hashes can only be what was locked.
 * @param from the file they stand in.
 */
export function confusionFindings(lines: readonly RequirementLine[], own: OwnNames, from: string): Finding[] {
  return lines.flatMap(({ name, direct, local, text, hashes }) => {
    const place = name === undefined ? undefined : own.get(name);
    if (place === undefined || direct || local || / @ /.test(text) || hashes.length > 0) return [];
    return [confusion(name ?? "", place, from)];
  });
}

export const confusion = (name: string, place: string, from: string): Finding =>
  errorFinding(
    "packing.E010",
    `${name} is ${place}, but would be taken from the package index, where a stranger may have published that name`,
    {
      where: from,
      hint: place.includes("poetry")
        ? "run `poetry lock`, so that poetry.lock says where it is"
        : from.endsWith(".txt")
          ? "write where it is (./folder or git+https://…), or export the list again: uv export --no-dev --format requirements-txt -o requirements.txt"
          : "run `uv lock`, so that uv.lock says where it is",
    },
  );

/** Registries that pyproject.toml names: without a lock it is unknown which package comes from which. */
export function registryFindings(project: TomlTable | undefined, from: string): Finding[] {
  const uv = tableAt(project, "tool", "uv");
  // Its older keys hold addresses alone.
  const older = [uv["index-url"], uv["extra-index-url"]].flat().map((url) => ({ url }));
  const named = [
    ...registriesOf([...older, ...(Array.isArray(uv.index) ? uv.index : [])], "uv lock"),
    ...registriesOf(tableAt(project, "tool", "poetry").source, "poetry lock"),
    ...registriesOf(tableAt(project, "tool", "pdm").source, "pdm export -o requirements.txt --prod"),
  ];
  return named.map(({ url, command }) =>
    errorFinding(
      "packing.E011",
      `pyproject.toml names the registry ${url}, and no lock says which packages come from there`,
      {
        where: from,
        hint: `run \`${command}\``,
      },
    ),
  );
}

function registriesOf(list: unknown, command: string): { url: string; command: string }[] {
  return (Array.isArray(list) ? list.filter(isTable) : []).flatMap(({ url }) =>
    typeof url === "string" && !isPublicIndex(url) ? [{ url: withoutCredentials(url), command }] : [],
  );
}

/** Whether it is the index that pip asks anyway. */
export const isPublicIndex = (url: string): boolean =>
  /^https?:\/\/(pypi(\.python)?|files\.pythonhosted)\.org(\/|$)/.test(url);

/** For a person to see. */
export const withoutCredentials = (text: string): string =>
  text.replace(/\b([a-z][a-z+]*:\/\/)[^/\s@]+@/g, "$1…@");
