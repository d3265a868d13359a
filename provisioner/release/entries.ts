import { EverspotError } from "../../agent/site/errors.ts";
import {
  BUNDLED_PYTHON,
  PathSet,
  pathProblem,
  releaseLimits,
  totalsProblem,
} from "../../agent/site/release.ts";
import { listTree } from "../dependencies/list-tree.ts";
import type { Project } from "./project.ts";
import type { ZipSource } from "./zip.ts";

/** Everything a release holds, in byte order of its paths. */
export async function listEntries(
  project: Project,
  bytecode: string,
  dependencies: string | undefined,
): Promise<ZipSource[]> {
  const bundled = dependencies === undefined ? [] : await listTree(dependencies);
  return [
    ...project.files,
    ...(await listTree(bytecode)),
    ...bundled.map((f) => ({ ...f, path: `${BUNDLED_PYTHON}/${f.path}` })),
  ].sort((a, b) => Buffer.compare(Buffer.from(a.path), Buffer.from(b.path)));
}

/** @throws EverspotError when an instance would refuse the release: for clashing names, or too much of anything. */
export function checkEntries(entries: readonly ZipSource[], folder: string): void {
  const seen = new PathSet();
  const problems = entries.flatMap(({ path }) => {
    const problem = pathProblem(path) ?? seen.add(path, false);
    return problem === undefined ? [] : [`${JSON.stringify(path)} ${problem}`];
  });
  if (problems.length > 0) {
    throw new EverspotError("the release has files that cannot be unpacked", {
      resource: folder,
      hint: "rename them, or leave them out through .everspotignore",
      lines: problems,
    });
  }
  checkTotals(entries, folder);
}

const LARGEST = 8;

export function checkTotals(entries: readonly ZipSource[], folder: string, zipBytes?: number): void {
  const totals = {
    entries: entries.length + countFolders(entries),
    bytes: entries.reduce((sum, entry) => sum + entry.size, 0),
    zipBytes,
  };
  const problem = totalsProblem(totals, releaseLimits);
  if (problem === undefined) return;
  const largest = [...entries].sort((a, b) => b.size - a.size).slice(0, LARGEST);
  throw new EverspotError(`the release is too large: ${problem}`, {
    resource: folder,
    hint: "leave files out through .everspotignore; the largest ones are listed",
    lines: largest.map((entry) => `${(entry.size / 1e6).toFixed(1)} MB ${entry.path}`),
  });
}

function countFolders(entries: readonly ZipSource[]): number {
  const folders = new Set<string>();
  for (const { path } of entries) {
    for (let end = path.lastIndexOf("/"); end > 0; end = path.lastIndexOf("/", end - 1)) {
      folders.add(path.slice(0, end));
    }
  }
  return folders.size;
}

/** @throws EverspotError (retry) when the project changed since packing began. */
export function checkUnchanged(before: Project, after: Project): void {
  const was = new Map(before.files.map((f) => [f.path, f.stamp]));
  const is = new Map(after.files.map((f) => [f.path, f.stamp]));
  const changed = [
    ...[...was].filter(([path, stamp]) => is.get(path) !== stamp).map(([path]) => path),
    ...[...is.keys()].filter((path) => !was.has(path)),
  ];
  if (changed.length === 0) return;
  throw new EverspotError("files changed while they were packed", {
    hint: "stop what writes to the project, or name its files in .everspotignore, and try again",
    lines: changed,
    retry: "retry",
  });
}
