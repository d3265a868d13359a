import { mkdir, writeFile } from "node:fs/promises";
import path from "node:path";
import { BUNDLED_PYTHON } from "../../agent/site/release.ts";
import { readToml, tableAt } from "../requirements/read.ts";
import { normalName } from "../requirements/requirement-lines.ts";

/**
 * A packaged project asks for its own version (`importlib.metadata.version`). It is not installed on the instance, so
 * its name and version are put where an installation would have them.
 * @param into the folder that becomes part of the release.
 * @param packages "name version" of what is bundled.
 */
export async function writeOwnMetadata(
  folder: string,
  into: string,
  packages: readonly string[],
): Promise<void> {
  const project = await readToml(path.join(folder, "pyproject.toml"));
  if (project?.["build-system"] === undefined) return;
  const tables = [tableAt(project, "project"), tableAt(project, "tool", "poetry")];
  const found = tables.find((t) => typeof t.name === "string" && typeof t.version === "string");
  if (found === undefined) return;
  const name = String(found.name);
  if (packages.some((p) => normalName(p.split(" ")[0] ?? "") === normalName(name))) return;
  const stem = `${name.replace(/[-_.]+/g, "_")}-${String(found.version).replace(/[^\w.+!]/g, "_")}`;
  const info = path.join(into, BUNDLED_PYTHON, `${stem}.dist-info`);
  await mkdir(info, { recursive: true });
  await writeFile(
    path.join(info, "METADATA"),
    `Metadata-Version: 2.1\nName: ${name}\nVersion: ${found.version}\n`,
  );
}
