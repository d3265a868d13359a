import { readFile } from "node:fs/promises";
import path from "node:path";
import { parse, TomlError, type TomlTable } from "smol-toml";
import { EverspotError, messageOf } from "../../agent/site/errors.ts";
import { poetryRequirements } from "./poetry-lock.ts";
import {
  type EvaluateMarkers,
  logicalLines,
  parseRequirement,
  type RequirementLine,
} from "./requirement-lines.ts";
import { uvRequirements } from "./uv-lock.ts";

/** What a project says it depends on, in one form. */
export interface Requirements {
  /** File of the project it comes from, for messages. */
  from: string;
  lines: RequirementLine[];
  /** Options of a requirements file that say where packages are, e.g. "--find-links /wheels". */
  options: string[];
  constraints: string[];
  /** Whether it names every package, including those that others need: nothing is left to resolve. */
  complete: boolean;
}

const FILES = ["requirements.txt", "uv.lock", "poetry.lock", "pyproject.toml"] as const;

/** @returns the file that declares the project's dependencies: the first existing one of those above. */
export async function findDeclaration(folder: string): Promise<(typeof FILES)[number] | undefined> {
  for (const file of FILES) if ((await readText(path.join(folder, file))) !== undefined) return file;
  return undefined;
}

/** @throws EverspotError when it cannot be understood, or contradicts `pyproject.toml`. */
export async function readRequirements(
  folder: string,
  file: (typeof FILES)[number],
  evaluate: EvaluateMarkers,
): Promise<Requirements> {
  if (file === "requirements.txt") return readRequirementsFile(folder);
  const project = await readToml(folder, "pyproject.toml");
  if (file === "pyproject.toml") return fromProject(folder, project ?? {});
  const lock = (await readToml(folder, file)) ?? {};
  if (project === undefined) {
    throw new EverspotError(`${file} is there, but pyproject.toml is not`, { resource: folder });
  }
  const read = file === "uv.lock" ? uvRequirements : poetryRequirements;
  const lines = await read(lock, project, evaluate);
  const parsed = lines.map((line) => parseRequirement(line, folder));
  return { from: file, lines: parsed, options: [], constraints: [], complete: true };
}

async function readRequirementsFile(folder: string): Promise<Requirements> {
  const found: Requirements = {
    from: "requirements.txt",
    lines: [],
    options: [],
    constraints: [],
    complete: false,
  };
  await include(path.join(folder, "requirements.txt"), found, "lines", new Set(), folder);
  return found;
}

async function include(
  file: string,
  into: Requirements,
  as: "lines" | "constraints",
  seen: Set<string>,
  root: string,
): Promise<void> {
  if (seen.has(file)) return;
  seen.add(file);
  const text = await readText(file);
  if (text === undefined) {
    throw new EverspotError(
      `${path.relative(root, file)} is named by a requirements file, but does not exist`,
      {
        resource: file,
      },
    );
  }
  const folder = path.dirname(file);
  for (const line of logicalLines(text)) {
    const other = /^(-r|--requirement|-c|--constraint)[= ]?\s*(\S+)$/.exec(line);
    if (other?.[1] !== undefined && other[2] !== undefined) {
      const kind = other[1] === "-r" || other[1] === "--requirement" ? as : "constraints";
      await include(path.resolve(folder, other[2]), into, kind, seen, root);
    } else if (/^-(?!e\b|-editable\b)/.test(line)) {
      into.options.push(...option(line, folder));
    } else if (as === "constraints") {
      into.constraints.push(line);
    } else {
      into.lines.push(...(await itself(parseRequirement(line, folder), root)));
    }
  }
}

/** Options for building or choosing formats are everspot's to decide; paths must not depend on where pip runs. */
function option(line: string, folder: string): string[] {
  if (/^--(only-binary|no-binary|prefer-binary|require-hashes|use-feature)\b/.test(line)) return [];
  const links = /^(?:-f|--find-links)[= ]?\s*(\S+)$/.exec(line)?.[1];
  if (links === undefined || /^[a-z]+:/.test(links)) return [line];
  return [`--find-links ${path.resolve(folder, links)}`];
}

/** `-e .` is the project, whose files are in the release anyway; only what it depends on is missing. */
async function itself(line: RequirementLine, root: string): Promise<RequirementLine[]> {
  if (!line.local || line.text !== root) return [line];
  const project = await readToml(root, "pyproject.toml");
  return project?.project === undefined ? [line] : fromProject(root, project).lines;
}

function fromProject(folder: string, project: TomlTable): Requirements {
  const table = project.project as TomlTable | undefined;
  const hint = (what: string) => ({ resource: path.join(folder, "pyproject.toml"), hint: what });
  if (Array.isArray(table?.dynamic) && table.dynamic.includes("dependencies")) {
    throw new EverspotError(
      "pyproject.toml computes its dependencies (dynamic)",
      hint("write them to requirements.txt"),
    );
  }
  const poetry = (project.tool as TomlTable | undefined)?.poetry as TomlTable | undefined;
  if (table?.dependencies === undefined && poetry?.dependencies !== undefined) {
    throw new EverspotError(
      "pyproject.toml is for Poetry, but there is no poetry.lock",
      hint("run `poetry lock`"),
    );
  }
  const lines = (table?.dependencies ?? []) as unknown;
  if (!Array.isArray(lines) || lines.some((line) => typeof line !== "string")) {
    throw new EverspotError(
      "[project] dependencies in pyproject.toml must be a list of texts",
      hint("see PEP 621"),
    );
  }
  return {
    from: "pyproject.toml",
    lines: (lines as string[]).map((line) => parseRequirement(line, folder)),
    options: [],
    constraints: [],
    complete: false,
  };
}

async function readToml(folder: string, name: string): Promise<TomlTable | undefined> {
  const file = path.join(folder, name);
  const text = await readText(file);
  if (text === undefined) return undefined;
  try {
    return parse(text);
  } catch (error) {
    const where = error instanceof TomlError ? ` (line ${error.line})` : "";
    throw new EverspotError(`${name} is not TOML${where}: ${messageOf(error).split("\n")[0]}`, {
      resource: file,
    });
  }
}

async function readText(file: string): Promise<string | undefined> {
  try {
    return await readFile(file, "utf8");
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return undefined;
    throw error;
  }
}
