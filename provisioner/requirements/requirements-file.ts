import path from "node:path";
import { EverspotError } from "../../agent/site/errors.ts";
import { isPublicIndex } from "./own-names.ts";
import { projectLines, type ReadMetadata } from "./pyproject.ts";
import { readText } from "./read.ts";
import { argumentsOf, place } from "./registries.ts";
import { logicalLines, parseRequirement, type RequirementLine } from "./requirement-lines.ts";

export interface FileContents {
  lines: RequirementLine[];
  /** Options that say where packages are, e.g. "--find-links /wheels". */
  options: string[];
  constraints: string[];
}

/**
 * A requirements file in pip's format, with all the files that it names.
 * @param root the project's folder: a line that names it stands for what it depends on.
 */
export async function readRequirementsFile(
  file: string,
  root: string,
  metadata: ReadMetadata,
): Promise<FileContents> {
  const found: FileContents = { lines: [], options: [], constraints: [] };
  await include(file, found, "lines", new Set(), root);
  const others = found.lines.filter((line) => !isItself(line, root));
  // A list with hashes has to be complete, so what the project depends on is in it.
  if (others.some((line) => line.hashes.length > 0)) return { ...found, lines: others };
  const lines: RequirementLine[] = [];
  for (const line of found.lines) {
    lines.push(...(isItself(line, root) ? await projectLines(root, line.extras, metadata) : [line]));
  }
  return { ...found, lines };
}

/** `-e .`: the project's files are in the release anyway. */
const isItself = (line: RequirementLine, root: string): boolean => line.local && line.text === root;

async function include(
  file: string,
  into: FileContents,
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
      { resource: file },
    );
  }
  const folder = path.dirname(file);
  for (const line of logicalLines(text)) {
    const [, option, value] = /^(-r|--requirement|-c|--constraint)(?:\s*=\s*|\s*)(\S.*)$/.exec(line) ?? [];
    if (option !== undefined && value !== undefined) {
      const kind = option === "-r" || option === "--requirement" ? as : "constraints";
      await include(otherFile(value, file), into, kind, seen, root);
    } else if (/^-(?!e\b|-editable\b)/.test(line)) {
      into.options.push(...optionsOf(line).flatMap((option) => kept(option, folder)));
    } else if (as === "constraints") {
      into.constraints.push(line);
    } else {
      into.lines.push(parseRequirement(line, folder));
    }
  }
}

function otherFile(value: string, from: string): string {
  const name = value.replace(/^(["'])(.*)\1$/, "$2").replace(/\\ /g, " ");
  if (!/^[a-z]+:\/\//i.test(name)) return path.resolve(path.dirname(from), name);
  throw new EverspotError(
    `${path.basename(from)} names a list on the network, ${name}, which may change at any time`,
    {
      resource: from,
      hint: "download it into the project, and name that file",
    },
  );
}

/** pip takes several on one line. */
const optionsOf = (line: string): string[] => line.split(/\s+(?=--?[a-z])/);

/**
 * Options for building or choosing formats are everspot's to decide; paths must not depend on where pip runs. PyPI is
 * what pip asks anyway, or the mirror of it that this machine's pip is set to.
 */
function kept(line: string, folder: string): string[] {
  const [name, value = ""] = argumentsOf(line);
  if ((name === "-i" || name === "--index-url") && isPublicIndex(value)) return [];
  if (/^--(only-binary|no-binary|prefer-binary|require-hashes|use-feature)\b/.test(line)) return [];
  const links = /^(?:-f|--find-links)[= ]?\s*(\S.*)$/.exec(line)?.[1]?.replace(/^(["'])(.*)\1$/, "$2");
  if (links === undefined || /^[a-z]+:/.test(links)) return [line];
  return [`--find-links ${place(path.resolve(folder, links))}`];
}
