import { open } from "node:fs/promises";
import ignore from "ignore";
import { EverspotError } from "../../agent/site/errors.ts";
import type { Project, ProjectFile } from "./project.ts";
import { SECRET_SCAN_BYTES, secretByContent, secretByName } from "./secrets.ts";
import { unreadable } from "./zip.ts";

/**
 * Refuses a project whose files must not all go into a release: links that lead out, names that cannot be
 * unpacked, and what looks like a secret and is not allowed by name.
 * @param allow patterns as in `.gitignore`, e.g. "fixtures/demo.sqlite3" or "*.pem".
 * @throws EverspotError with every such file in its lines.
 */
export async function guardProject(
  project: Project,
  allow: readonly string[],
  folder: string,
): Promise<void> {
  const secrets = await findSecrets(project.files, allow);
  if (secrets.length === 0 && project.problems.length === 0) return;
  if (secrets.length === 0) {
    throw new EverspotError("the project has files that cannot go into a release", {
      resource: folder,
      hint: "move or rename them, or leave them out through .everspotignore",
      lines: project.problems,
    });
  }
  throw new EverspotError(
    `${secrets.length === 1 ? "a file looks" : `${secrets.length} files look`} like a secret and would be in every release`,
    {
      resource: folder,
      hint: 'leave them out through .gitignore or .everspotignore and give the app its secrets with `everspot secret set NAME`; to publish one all the same, name it in everspot.toml: [release] allow = ["path"]',
      lines: [...secrets, ...project.problems],
    },
  );
}

async function findSecrets(files: readonly ProjectFile[], allow: readonly string[]): Promise<string[]> {
  const allowed = ignore({ ignorecase: false }).add([...allow]);
  const found: string[] = [];
  for (const file of files) {
    if (allowed.ignores(file.path)) continue;
    const kind = secretByName(file.path) ?? secretByContent(file.path, await start(file));
    if (kind !== undefined) found.push(`${file.path}: ${kind}`);
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
