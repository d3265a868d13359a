import { EverspotError } from "../../agent/site/errors.ts";
import { errorFinding, type Finding, Refused } from "../findings/finding.ts";
import { withoutCredentials } from "../requirements/own-names.ts";
import { named, otherDebians, type PythonTarget, targetOptions } from "../requirements/python-target.ts";
import { argumentsOf } from "../requirements/registries.ts";
import { leadingName } from "../requirements/requirement-lines.ts";
import type { Requirements } from "../requirements/requirements.ts";
import type { Pip, PipResult } from "./pip.ts";
import { pinnedVersion, waysOut } from "./without-wheel.ts";

/** What all refusals here stand against. */
export const NOT_INSTALLED = "the project's dependencies cannot be packed";

export interface About {
  pip: Pip;
  target: PythonTarget;
  requirements: Requirements;
  result: PipResult;
}

/** How many lines of pip's output are shown. */
const SHOWN = 20;

/** pip reports each of its tries at an index; the last is enough. */
const RETRYING = /^WARNING: Retrying \(Retry\(total=[1-9]/;

const shown = (result: PipResult) => ({
  lines: result.lines
    .filter((line) => !RETRYING.test(line))
    .slice(-SHOWN)
    .map(withoutCredentials),
});
const onTarget = (target: PythonTarget) => `Python ${target.python} on ${target.arch} Linux`;

const UNREACHABLE =
  /NewConnectionError|Failed to establish a new connection|Name or service not known|Temporary failure in name resolution|Connection (?:refused|timed out)|Read timed out|ProxyError|SSLError/;
const DENIED =
  /\b(401|403) (?:Client Error|Unauthorized|Forbidden)|User for [^:]+:|401 Error, Credentials not correct/;

/** @returns the requirement that has no usable wheel, as pip writes it, e.g. "docopt<1,>=0.6". */
export function missingPackage(result: PipResult): string | undefined {
  for (const line of result.lines) {
    const found = /No matching distribution found for (.+?)(?: \(from .*)?$/.exec(line)?.[1];
    if (found !== undefined) return found;
  }
  return undefined;
}

/** Whether an index did not answer, or not to these credentials: then nothing is known about any package. */
export const isAway = (result: PipResult): boolean => awayLine(result) !== undefined;

const awayLine = ({ lines }: PipResult): string | undefined =>
  lines.find((line) => UNREACHABLE.test(line) || DENIED.test(line));

/** The indexes that the project itself names. */
function registries({ options, from }: Requirements): { where?: string; text: string } {
  const urls = options.flatMap(
    (o) => /^(?:-i|--index-url|--extra-index-url)[= ]?\s*(\S+)/.exec(o)?.[1] ?? [],
  );
  return urls.length === 0
    ? { text: "" }
    : { where: from, text: `; ${from} names ${urls.map(withoutCredentials).join(", ")}` };
}

function unreachable({
  result,
  requirements,
}: Pick<About, "result" | "requirements">): EverspotError | undefined {
  const line = awayLine(result);
  if (line === undefined) return undefined;
  const missing = missingPackage(result);
  const what = missing === undefined ? "" : `${missing} was not found: `;
  const denied = DENIED.test(line);
  const { where, text } = registries(requirements);
  return new EverspotError(
    `${what}the package index ${denied ? "wants other credentials" : "cannot be reached"}${text}`,
    {
      resource: where,
      hint: denied
        ? "give pip the registry's user and password: in ~/.netrc, or in the address (pip config list shows pip's own)"
        : "check the network and pip's settings: pip config list",
      retry: "retry",
      ...shown(result),
    },
  );
}

/** A package that has no wheel, with its ways out. @param why what was tried instead, e.g. "and building it failed". */
export async function withoutWheel(
  requirement: string,
  why: string,
  { pip, target, requirements }: Omit<About, "result">,
): Promise<Finding> {
  return errorFinding(
    "packing.E022",
    `${requirement} has no wheel for ${onTarget(target)}, ${why}${registries(requirements).text}`,
    { where: requirement, hint: await waysOut(requirement, target, pip, requirements) },
  );
}

/** @param built what came out of its source: "none" when there is no source, else the wheel's file name. */
export async function noWheel(requirement: string, built: string, about: About): Promise<EverspotError> {
  const away = built === "none" ? unreachable(about) : undefined;
  if (away !== undefined) return away;
  const why =
    built === "none"
      ? "and no source that could be built here was found"
      : `and building its source gives ${built}, which runs only where it was built`;
  return new Refused(NOT_INSTALLED, [await withoutWheel(requirement, why, about)], shown(about.result));
}

/** A pinned version that pip left out for what it requires of Python; undefined when that is not the reason. */
export async function forOtherPython(
  requirement: string,
  { result, target, pip, requirements }: About,
): Promise<Finding | undefined> {
  const version = pinnedVersion(requirement);
  const ignored = result.lines.flatMap(
    (line) =>
      /Ignored the following versions that require a different python version: (.*)/.exec(line)?.[1] ?? [],
  );
  const asks = ignored
    .flatMap((list) => list.split(";"))
    .map((entry) => entry.trim().split(/ Requires-Python /))
    .find(([left]) => left === version)?.[1];
  if (asks === undefined) return undefined;
  return errorFinding(
    "packing.E023",
    `${requirement} requires Python ${asks}, and the instance has ${named(target)}`,
    { where: requirement, hint: await waysOut(requirement, target, pip, requirements) },
  );
}

export async function buildFailed(requirement: string, about: About): Promise<EverspotError> {
  return (
    unreachable(about) ??
    new Refused(
      NOT_INSTALLED,
      [await withoutWheel(requirement, "and building its source failed", about)],
      shown(about.result),
    )
  );
}

export async function installFailed(about: About): Promise<EverspotError> {
  const { result, requirements } = about;
  const { from } = requirements;
  const says = (pattern: RegExp) => result.lines.some((line) => pattern.test(line));
  const failed = (what: string, hint: string) =>
    new EverspotError(`the dependencies of ${from} ${what}`, { resource: from, hint, ...shown(result) });
  const away = unreachable(about);
  if (away !== undefined) return away;
  if (says(/ResolutionImpossible|conflicting dependencies/)) {
    return failed("contradict each other", "loosen one of the versions pip names");
  }
  if (says(/DO NOT MATCH THE HASHES/))
    return (
      (await lockedElsewhere(about)) ??
      failed(
        "do not match the hashes they are pinned to",
        "see what pip says; a list that was made with another Python or on another kind of machine has other hashes",
      )
    );
  if (says(/--require-hashes mode/)) {
    return failed("have hashes, but not all of them do", "pin all of them, or none; see what pip says");
  }
  if (says(/Packages? requires? a different Python/)) {
    return failed(
      `need another Python than the instance's ${named(about.target)}`,
      "use another [image] os, or other versions",
    );
  }
  return failed("cannot be installed", "see what pip says");
}

/** A package whose hashes are those of its wheels for the Python of another image. */
async function lockedElsewhere({ result, requirements, target, pip }: About): Promise<Refused | undefined> {
  const { from } = requirements;
  for (const { name, text, hashes, local } of requirements.lines) {
    if (name === undefined || local || hashes.length === 0) continue;
    if (!result.lines.some((line) => leadingName(line) === name && / from /.test(line))) continue;
    for (const { os, python, full } of otherDebians(target)) {
      const other = { ...target, python };
      const args = [...targetOptions(other), "--no-deps", ...requirements.options.flatMap(argumentsOf)];
      if (!(await pip.for(other).hasWith(text, hashes, args))) continue;
      return new Refused(
        NOT_INSTALLED,
        [
          errorFinding(
            "packing.E024",
            `the hashes of ${text} in ${from} are those of its wheels for Python ${python}, and the instance has ${named(target)}`,
            {
              where: from,
              hint: `set [image] os = "${os}", which has Python ${full}; or make ${from} again with Python ${target.python}`,
            },
          ),
        ],
        shown(result),
      );
    }
  }
  return undefined;
}
