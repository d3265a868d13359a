import { readFile } from "node:fs/promises";
import path from "node:path";
import { errorFinding, type Finding, warningFinding } from "../findings/finding.ts";
import type { PythonTarget } from "../requirements/python-target.ts";
import { guardProject } from "./guard.ts";
import { leftOutFindings, type StaticFiles } from "./left-out.ts";
import type { Project, ProjectFile } from "./project.ts";
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

/**
 * A release whose manage.py would find no Django, neither among its packages nor Debian's.
 * @param from the file that declares the packages; without any, that is what is said. @param packages "name version".
 */
export async function djangoFindings(
  { files }: { readonly files: readonly ProjectFile[] },
  { debianPackages }: Pick<SiteFacts, "debianPackages">,
  from: string | undefined,
  packages: readonly string[],
): Promise<Finding[]> {
  const manage = files.find((file) => file.path === "manage.py");
  const there =
    packages.some((name) => /^django /i.test(name)) ||
    debianPackages.some((name) => name.startsWith("python3-django")) ||
    files.some((file) => file.path === "django/__init__.py");
  if (manage === undefined || from === undefined || there) return [];
  if (!/\bdjango\b/.test(await readFile(manage.source, "utf8").catch(() => ""))) return [];
  return [
    errorFinding(
      "packing.E040",
      "Django is not among the packages, and manage.py does not start without it",
      {
        where: from,
        hint: `add Django to ${from}, or take Debian's: [image] packages = ["python3-django"]`,
      },
    ),
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
