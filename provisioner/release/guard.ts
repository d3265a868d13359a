import { open } from "node:fs/promises";
import ignore from "ignore";
import { errorFinding, type Finding } from "../findings/finding.ts";
import type { Project, ProjectFile } from "./project.ts";
import { SECRET_SCAN_BYTES, secretByContent, secretByName } from "./secrets.ts";
import { unreadable } from "./zip.ts";

/**
 * Files that must not go into a release: links that lead out, names that cannot be unpacked, what looks like a secret
 * and is not allowed by name, and what stands for a file that is not here.
 * @param allow patterns as in `.gitignore`, e.g. "fixtures/demo.sqlite3" or "*.pem".
 */
export async function guardProject(project: Project, allow: readonly string[]): Promise<Finding[]> {
  const allowed = ignore({ ignorecase: false }).add([...allow]);
  const found: Finding[] = [];
  for (const file of project.files) {
    if (allowed.ignores(file.path)) continue;
    const byName = secretByName(file.path);
    const begin = byName === undefined ? await start(file) : Buffer.alloc(0);
    const kind = byName ?? secretByContent(file.path, begin);
    if (kind !== undefined) found.push(secret(file.path, kind));
    if (begin.subarray(0, LFS_POINTER.length).toString("latin1") === LFS_POINTER)
      found.push(pointer(file.path));
  }
  return [
    ...found,
    ...project.problems.map((problem) =>
      errorFinding("packing.E002", problem, {
        hint: "move or rename it, or leave it out through .everspotignore",
      }),
    ),
  ];
}

const secret = (file: string, kind: string): Finding =>
  errorFinding("packing.E001", `looks like a secret (${kind}) and would be in every release`, {
    where: file,
    hint: 'leave it out through .gitignore or .everspotignore and give the app its secrets with `everspot secret set NAME`; to publish it all the same, name it in everspot.toml: [release] allow = ["path"]',
  });

/** https://github.com/git-lfs/git-lfs/blob/main/docs/spec.md: its first line comes first. */
const LFS_POINTER = "version https://git-lfs.github.com/spec/v1\n";

const pointer = (file: string): Finding =>
  errorFinding("packing.E003", "is a pointer of Git LFS, and not the file itself", {
    where: file,
    hint: "run `git lfs pull` (in GitHub Actions: actions/checkout with lfs: true)",
  });

/** Paths of the files that look like secrets. */
export async function secretFiles(files: readonly ProjectFile[]): Promise<string[]> {
  const found: string[] = [];
  for (const file of files) {
    const kind = secretByName(file.path) ?? secretByContent(file.path, await start(file));
    if (kind !== undefined) found.push(file.path);
  }
  return found;
}

async function start(file: ProjectFile): Promise<Buffer> {
  const handle = await open(file.source, "r").catch((error: unknown) => {
    throw unreadable(error, file);
  });
  try {
    const buffer = Buffer.allocUnsafe(Math.min(file.size, SECRET_SCAN_BYTES));
    const { bytesRead } = await handle.read(buffer, 0, buffer.length, 0);
    return buffer.subarray(0, bytesRead);
  } finally {
    await handle.close();
  }
}
