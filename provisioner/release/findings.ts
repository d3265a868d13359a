import { readFile } from "node:fs/promises";
import path from "node:path";
import { type Finding, warningFinding } from "../findings/finding.ts";
import type { PythonTarget } from "../requirements/python-target.ts";
import { guardProject } from "./guard.ts";
import { leftOutFindings, type StaticFiles } from "./left-out.ts";
import type { Project } from "./project.ts";
import { modernZone, zoneIn } from "./zones.ts";

/** What everspot.toml says of a site that decides what is worth a warning. */
export interface SiteFacts {
  static: StaticFiles;
  /** Packages that the instance has besides its image's own. */
  debianPackages: readonly string[];
  /** Paths of what is kept outside of releases ([state]). */
  kept?: readonly string[];
}

const NOTHING: SiteFacts = { static: { folders: [], collected: false }, debianPackages: [] };

/** Everything about a project's files that stands against packing them, or that a person should know. */
export async function projectFindings(
  project: Project,
  folder: string,
  target: PythonTarget,
  { allow, site = NOTHING }: { allow: readonly string[]; site?: SiteFacts },
): Promise<Finding[]> {
  return [
    ...(await guardProject(project, allow)),
    ...project.warnings.map((warning) =>
      warningFinding("packing.W001", warning, { hint: "name it in .everspotignore" }),
    ),
    ...(await leftOutFindings(project, folder, site.static)),
    ...(await zoneFindings(project, target, site.debianPackages)),
  ];
}

/** debian-13's Python. */
const WITHOUT_OLD_ZONES = "3.13";
const SETTINGS = /^settings\b.*\.py$/;

async function zoneFindings(
  { files }: Project,
  { python }: PythonTarget,
  debianPackages: readonly string[],
): Promise<Finding[]> {
  if (python !== WITHOUT_OLD_ZONES || debianPackages.includes("tzdata-legacy")) return [];
  const found: Finding[] = [];
  for (const file of files) {
    const names = file.path.split("/");
    if (
      !SETTINGS.test(names.at(-1) ?? "") &&
      !(names.includes("settings") && path.extname(file.path) === ".py")
    )
      continue;
    const zone = zoneIn(await readFile(file.source, "utf8").catch(() => ""));
    const modern = zone === undefined ? undefined : modernZone(zone);
    if (modern === undefined) continue;
    found.push(
      warningFinding("packing.W040", `TIME_ZONE = "${zone}" is an old name, which debian-13 does not have`, {
        where: file.path,
        hint: `write TIME_ZONE = "${modern}", or set [image] packages = ["tzdata-legacy"]`,
      }),
    );
  }
  return found;
}
