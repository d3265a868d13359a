import path from "node:path";
import type { TomlTable } from "smol-toml";
import { EverspotError } from "../../agent/site/errors.ts";
import { errorFinding, type Finding } from "../findings/finding.ts";
import type { Declaration } from "./declaration.ts";
import { type Lock, lineOf, registriesOf } from "./locked.ts";
import {
  confusionFindings,
  isPublicIndex,
  type OwnNames,
  ownNames,
  registryFindings,
  withoutCredentials,
} from "./own-names.ts";
import { pipfileRequirements } from "./pipfile-lock.ts";
import { poetryRequirements } from "./poetry-lock.ts";
import { projectLines, pythonWishes, type ReadMetadata } from "./pyproject.ts";
import type { PythonTarget } from "./python-target.ts";
import { type PythonWish, pythonFindings, type Satisfy } from "./python-wish.ts";
import { readText, readToml, tableAt } from "./read.ts";
import { registryOptions } from "./registries.ts";
import type { EvaluateMarkers, RequirementLine } from "./requirement-lines.ts";
import { readRequirementsFile } from "./requirements-file.ts";
import { uvRequirements } from "./uv-lock.ts";

/** What a project says it depends on, in one form. */
export interface Requirements {
  /** File of the project it comes from, for messages. */
  from: string;
  lines: RequirementLine[];
  /** Options of pip that say where packages are, e.g. "--find-links /wheels". */
  options: string[];
  constraints: string[];
  /** Whether it names every package, including those that others need: nothing is left to resolve. */
  complete: boolean;
  /** Normalised names of packages that are left out, whatever requires them. */
  without: readonly string[];
  /** What must not come from an index by its name alone. */
  own: OwnNames;
  findings: Finding[];
}

/** What can only be asked of a Python. */
export interface Inquiry {
  evaluate: EvaluateMarkers;
  satisfy: Satisfy;
  metadata: ReadMetadata;
}

/** @throws EverspotError when it cannot be understood, or contradicts `pyproject.toml`. */
export async function readRequirements(
  declaration: Declaration,
  target: PythonTarget,
  inquiry: Inquiry,
  env: NodeJS.ProcessEnv,
): Promise<Requirements> {
  const { kind, folder, from } = declaration;
  const project = await readToml(path.join(folder, "pyproject.toml"));
  const own = ownNames(project);
  const { wishes = [], ...read } =
    kind === "uv.lock" || kind === "poetry.lock" || kind === "Pipfile.lock"
      ? await readLock(declaration, project, inquiry, env)
      : await readList(declaration, project, inquiry);
  return {
    ...{ from, constraints: [], complete: false, without: [], own, ...read },
    findings: [
      ...read.findings,
      ...confusionFindings(read.lines, own, from),
      ...(await pythonFindings([...wishes, ...pythonWishes(project)], target, inquiry.satisfy)),
    ],
  };
}

type Read = Pick<Requirements, "lines" | "options" | "findings"> &
  Partial<Requirements> & { wishes?: PythonWish[] };

async function readList(
  { kind, file, folder, from }: Declaration,
  project: TomlTable | undefined,
  { metadata }: Inquiry,
): Promise<Read> {
  if (kind === "requirements") {
    const read = await readRequirementsFile(file, folder, metadata);
    const hashed = read.lines.length > 0 && read.lines.every((line) => line.hashes.length > 0 || line.direct);
    return { ...read, complete: hashed && read.lines.some((line) => line.hashes.length > 0), findings: [] };
  }
  if (kind === "pyproject.toml" && tableAt(project, "project").dependencies === undefined) {
    refusePoetry(project, file);
  }
  return {
    lines: await projectLines(folder, "", metadata),
    options: [],
    findings: registryFindings(project, from),
  };
}

function refusePoetry(project: TomlTable | undefined, file: string): void {
  if (tableAt(project, "tool", "poetry").dependencies === undefined) return;
  throw new EverspotError("pyproject.toml is for Poetry, but there is no poetry.lock", {
    resource: file,
    hint: "run `poetry lock`",
  });
}

async function readLock(
  { kind, file, folder, from }: Declaration,
  project: TomlTable | undefined,
  { evaluate }: Inquiry,
  env: NodeJS.ProcessEnv,
): Promise<Read> {
  const at = path.dirname(file);
  const { packages, python } = await lockOf(kind, file, folder, project, evaluate, env);
  const lines = packages.map((locked) => lineOf(locked, at));
  const unhashed = packages.filter(
    ({ registry, text }) =>
      registry !== undefined && !isPublicIndex(registry.at) && !text.includes(" --hash="),
  );
  return {
    lines,
    options: registryOptions(registriesOf(packages), at, env),
    complete: true,
    wishes: python === undefined ? [] : [{ specifier: python, where: `the Python in ${from}` }],
    findings: unhashed.map(({ text, registry }) =>
      errorFinding(
        "packing.E012",
        `${text} of ${withoutCredentials(registry?.at ?? "")} has no hash in ${from}, so that a stranger's package of that name could be taken for it`,
        {
          where: from,
          hint: "lock it again with a registry that gives hashes",
        },
      ),
    ),
  };
}

async function lockOf(
  kind: Declaration["kind"],
  file: string,
  folder: string,
  project: TomlTable | undefined,
  evaluate: EvaluateMarkers,
  env: NodeJS.ProcessEnv,
): Promise<Lock> {
  if (kind === "Pipfile.lock") {
    const pipfile = await readToml(path.join(folder, "Pipfile"));
    return pipfileRequirements((await readText(file)) ?? "", pipfile, evaluate, env);
  }
  const lock = (await readToml(file)) ?? {};
  if (project === undefined) {
    throw new EverspotError(`${kind} is there, but pyproject.toml is not`, { resource: folder });
  }
  if (kind === "poetry.lock") return poetryRequirements(lock, project, evaluate);
  const member = path.relative(path.dirname(file), folder).split(path.sep).join("/") || ".";
  return uvRequirements(lock, project, evaluate, member);
}
