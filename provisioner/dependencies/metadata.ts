import { mkdir, mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { EverspotError } from "../../agent/site/errors.ts";
import { copySource } from "./copy-source.ts";
import type { Pip } from "./pip.ts";

/** Lines of pip's output. */
const SHOWN = 20;

/**
 * What a project requires, where only its build can say that. It is built as a copy: builds leave files behind.
 * @returns its Requires-Dist lines.
 * @throws EverspotError when it cannot be built.
 */
export async function metadataOf(pip: Pip, project: string): Promise<string[]> {
  const work = await mkdtemp(path.join(tmpdir(), "everspot-metadata-"));
  try {
    const [copy, out] = [path.join(work, "project"), path.join(work, "wheel")];
    await mkdir(out);
    await copySource(project, copy);
    const { ok, lines } = await pip.run(["wheel", "--no-deps", "--wheel-dir", out, copy]);
    if (ok) return await pip.requires(out);
    throw new EverspotError("what the project depends on could not be computed: building it failed", {
      resource: project,
      hint: "write what it depends on to requirements.txt",
      lines: lines.slice(-SHOWN),
    });
  } finally {
    await rm(work, { recursive: true, force: true });
  }
}
