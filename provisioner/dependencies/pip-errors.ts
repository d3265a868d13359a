import { EverspotError } from "../../agent/site/errors.ts";
import type { PipResult } from "./pip.ts";
import type { PythonTarget } from "./python-target.ts";

/** How many lines of pip's output are shown. */
const SHOWN = 20;

/** pip reports each of its tries at an index; the last is enough. */
const RETRYING = /^WARNING: Retrying \(Retry\(total=[1-9]/;

const shown = (result: PipResult) => ({
  lines: result.lines.filter((line) => !RETRYING.test(line)).slice(-SHOWN),
});
const onTarget = (target: PythonTarget) => `Python ${target.python} on ${target.arch} Linux`;

const UNREACHABLE =
  /NewConnectionError|Failed to establish a new connection|Name or service not known|Temporary failure in name resolution|Connection (?:refused|timed out)|Read timed out|ProxyError|SSLError/;

/** @returns the requirement that has no usable wheel, as pip writes it, e.g. "docopt<1,>=0.6". */
export function missingPackage(result: PipResult): string | undefined {
  for (const line of result.lines) {
    const found = /No matching distribution found for (.+?)(?: \(from .*)?$/.exec(line)?.[1];
    if (found !== undefined) return found;
  }
  return undefined;
}

function unreachable(result: PipResult): EverspotError | undefined {
  const line = result.lines.find((l) => UNREACHABLE.test(l));
  if (line === undefined) return undefined;
  const missing = missingPackage(result);
  const what = missing === undefined ? "" : `${missing} was not found: `;
  return new EverspotError(`${what}the package index cannot be reached`, {
    hint: "check the network and pip's settings: pip config list",
    retry: "retry",
    ...shown(result),
  });
}

/** @param built what came out of its source: "none" when there is no source, else the wheel's file name. */
export function noWheel(
  requirement: string,
  target: PythonTarget,
  result: PipResult,
  built: string,
): EverspotError {
  const why =
    built === "none"
      ? "and no source that could be built here was found"
      : `and building its source gives ${built}, which runs only where it was built`;
  return (
    (built === "none" ? unreachable(result) : undefined) ??
    new EverspotError(`${requirement} has no wheel for ${onTarget(target)}, ${why}`, {
      resource: requirement,
      hint: "check its name, require a version that has a wheel, use another image, or put a wheel for the instance where pip finds it (PIP_FIND_LINKS)",
      ...shown(result),
    })
  );
}

export function buildFailed(requirement: string, target: PythonTarget, result: PipResult): EverspotError {
  return (
    unreachable(result) ??
    new EverspotError(`${requirement} has no wheel for ${onTarget(target)}, and building its source failed`, {
      resource: requirement,
      hint: "require a version that has a wheel, or build one where the compiler and headers it needs are installed",
      ...shown(result),
    })
  );
}

export function installFailed(result: PipResult, from: string): EverspotError {
  const conflict = result.lines.some((l) => /ResolutionImpossible|conflicting dependencies/.test(l));
  const hashes = result.lines.some((l) => /DO NOT MATCH THE HASHES|--require-hashes mode/.test(l));
  const what = conflict
    ? "contradict each other"
    : hashes
      ? "do not match the hashes they are pinned to"
      : "cannot be installed";
  return (
    unreachable(result) ??
    new EverspotError(`the dependencies of ${from} ${what}`, {
      resource: from,
      hint: conflict ? "loosen one of the versions pip names" : "see what pip says",
      ...shown(result),
    })
  );
}
