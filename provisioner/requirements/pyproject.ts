import path from "node:path";
import type { TomlTable } from "smol-toml";
import { EverspotError } from "../../agent/site/errors.ts";
import type { PythonWish } from "./python-wish.ts";
import { isTable, readToml, tableAt } from "./read.ts";
import { parseRequirement, type RequirementLine } from "./requirement-lines.ts";

/** What the project of a folder requires, as its own build says: the Requires-Dist lines of what it makes. */
export type ReadMetadata = (folder: string) => Promise<string[]>;

/**
 * What the project in a folder depends on, as `pyproject.toml`, or else its build, says.
 * @param extras "[a,b]" of its optional dependencies, or "".
 * @throws EverspotError
 */
export async function projectLines(
  folder: string,
  extras: string,
  metadata: ReadMetadata,
): Promise<RequirementLine[]> {
  const project = await readToml(path.join(folder, "pyproject.toml"));
  const names = extras
    .replace(/[[\]\s]/g, "")
    .split(",")
    .filter((name) => name !== "");
  const lines = isStatic(project)
    ? [...listOf(project, folder), ...names.flatMap((name) => optional(project, folder, name))]
    : (await metadata(folder)).map((line) => withExtras(line, names));
  return lines.map((line) => parseRequirement(line, folder));
}

/** Whether the dependencies stand in [project], so that nothing must be built to know them. */
function isStatic(project: TomlTable | undefined): boolean {
  const table = project?.project;
  if (!isTable(table)) return false;
  const dynamic = Array.isArray(table.dynamic) ? table.dynamic : [];
  return !dynamic.includes("dependencies") && !dynamic.includes("optional-dependencies");
}

function listOf(project: TomlTable | undefined, folder: string): string[] {
  return texts(tableAt(project, "project").dependencies ?? [], "dependencies", folder);
}

function optional(project: TomlTable | undefined, folder: string, name: string): string[] {
  const list = tableAt(project, "project", "optional-dependencies")[name];
  return texts(list ?? [], `optional-dependencies.${name}`, folder);
}

function texts(lines: unknown, key: string, folder: string): string[] {
  if (Array.isArray(lines) && lines.every((line) => typeof line === "string")) return lines;
  throw new EverspotError(`[project] ${key} in pyproject.toml must be a list of texts`, {
    resource: path.join(folder, "pyproject.toml"),
    hint: "see PEP 621",
  });
}

/** A condition on an extra that is asked for always holds. */
const withExtras = (line: string, names: readonly string[]): string =>
  names.reduce(
    (text, name) =>
      text.replace(
        new RegExp(`extra\\s*==\\s*(["'])${name.replace(/\W/g, "\\$&")}\\1`, "g"),
        'python_version >= "3"',
      ),
    line,
  );

/** What `pyproject.toml` says about Python. */
export function pythonWishes(project: TomlTable | undefined): PythonWish[] {
  const standard = tableAt(project, "project")["requires-python"];
  const poetry = tableAt(project, "tool", "poetry", "dependencies").python;
  return [
    ...(typeof standard === "string"
      ? [{ specifier: standard, where: "requires-python in pyproject.toml" }]
      : []),
    ...(typeof poetry === "string"
      ? [{ specifier: poetry, where: "python in [tool.poetry.dependencies] of pyproject.toml" }]
      : []),
  ];
}
