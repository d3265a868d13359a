/** What to do about packages that have no wheel for the instance. */
import { errorFinding, type Finding } from "../findings/finding.ts";
import { named, otherDebians, type PythonTarget, targetOptions } from "../requirements/python-target.ts";
import { argumentsOf } from "../requirements/registries.ts";
import { leadingName, type RequirementLine } from "../requirements/requirement-lines.ts";
import type { Requirements } from "../requirements/requirements.ts";
import { isWheelName, pythonsOf, wheelFits } from "../requirements/wheel-tags.ts";
import { knownWayOut } from "./known-packages.ts";
import type { Pip } from "./pip.ts";

/** What a lock allows of a package. `build`: it has to be made from its source. */
export function lockedAs(
  line: RequirementLine,
  target: PythonTarget,
): "wheel" | "build" | "nothing" | "unknown" {
  if (line.offered === undefined || !line.offered.wheels.every(isWheelName)) return "unknown";
  if (line.offered.wheels.some((file) => wheelFits(file, target))) return "wheel";
  return line.offered.source ? "build" : "nothing";
}

/** A package that is locked for other Pythons, or other machines, than the instance's. */
export function lockedForOthers(line: RequirementLine, target: PythonTarget, from: string): Finding {
  const { wheels } = line.offered ?? { wheels: [] };
  const pythons = pythonsOf(wheels, target);
  const fit = otherDebians(target).find(({ python }) =>
    wheels.some((file) => wheelFits(file, { ...target, python })),
  );
  const what =
    pythons.length === 0
      ? `no wheel for ${target.arch} Linux`
      : `wheels for Python ${pythons.join(", ")} only, and the instance has ${named(target)}`;
  const again = "lock it again with a version that has one";
  return errorFinding("packing.E021", `${from} has of ${line.text} ${what}`, {
    where: from,
    hint:
      fit === undefined ? again : `set [image] os = "${fit.os}", which has Python ${fit.full}; or ${again}`,
  });
}

/** @returns the ways out of a package having no wheel, the best first; at least one. */
export async function waysOut(
  requirement: string,
  target: PythonTarget,
  pip: Pip,
  { options }: Pick<Requirements, "options">,
): Promise<string> {
  const name = leadingName(requirement);
  const { needless, instead, debian } = knownWayOut(name) ?? {};
  const out = `[release] without = ["${name}"]`;
  const asked = { requirement, name, pip, options: options.flatMap(argumentsOf) };
  const ways = [
    needless && `leave it out, for ${needless}: ${out}`,
    instead,
    debian && `take Debian's own: ${out} and [image] packages = ["${debian}"]`,
    ...(await versionsWithWheel(asked, target)),
    await otherImage(asked, target),
  ].filter((way) => way !== undefined && way !== "");
  if (ways.length > 0) return ways.join("; or ");
  return `check its name; leave it out if the site can do without: ${out}; or build a wheel for the instance and put it where pip finds it (PIP_FIND_LINKS)`;
}

interface Asked {
  requirement: string;
  name: string;
  pip: Pip;
  /** pip's own: where packages are. */
  options: readonly string[];
}

async function versionsWithWheel(
  { requirement, name, pip, options }: Asked,
  target: PythonTarget,
): Promise<string[]> {
  const versions = await pip.versions(name, [...targetOptions(target), ...options]);
  const [newest] = versions;
  if (newest === undefined) return [];
  const pinned = pinnedVersion(requirement);
  const later = pinned === undefined ? [] : await matching(pip, `>${pinned}`, versions);
  return [`require ${name}==${later.at(-1) ?? newest}, which has one`];
}

async function otherImage(
  { requirement, name, pip, options }: Asked,
  target: PythonTarget,
): Promise<string | undefined> {
  for (const { os, python, full } of otherDebians(target)) {
    const other = { ...target, python };
    const versions = await pip.for(other).versions(name, [...targetOptions(other), ...options]);
    if (versions.length === 0) continue;
    if ((await matching(pip, specifierOf(requirement), versions)).length > 0) {
      return `set [image] os = "${os}": there is one for its Python ${full}`;
    }
  }
  return undefined;
}

async function matching(pip: Pip, specifier: string, versions: readonly string[]): Promise<string[]> {
  const [row = []] = await pip.satisfy([specifier], versions);
  return versions.filter((_, i) => row[i] === true);
}

/** "<1,>=0.6" of "docopt[x]<1,>=0.6; marker". */
const specifierOf = (requirement: string): string =>
  requirement
    .split(";")[0]
    ?.replace(/^\s*[A-Za-z0-9._-]+\s*(\[[^\]]*\])?/, "")
    .replace(/[()]/g, "")
    .trim() ?? "";

export const pinnedVersion = (requirement: string): string | undefined =>
  /^={2,3}\s*([^*,\s]+)$/.exec(specifierOf(requirement))?.[1];

/** The version to stand in for a package that has no wheel; undefined where the index has none that would do. */
export async function standInVersion(
  requirement: string,
  pip: Pip,
  { options }: Pick<Requirements, "options">,
): Promise<string | undefined> {
  const pinned = pinnedVersion(requirement);
  if (pinned !== undefined) return pinned;
  const versions = await pip.versions(leadingName(requirement), options.flatMap(argumentsOf));
  if (versions.length === 0) return undefined;
  return (await matching(pip, specifierOf(requirement), versions))[0];
}
