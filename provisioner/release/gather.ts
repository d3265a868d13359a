import { EverspotError } from "../../agent/site/errors.ts";
import type { Dependencies, DependencyCollector } from "../dependencies/dependencies.ts";
import { errorFinding, type Finding, Refused, refuseErrors } from "../findings/finding.ts";
import type { OnProgress } from "./progress.ts";

export const SUBJECT = "the project cannot be packed";

/**
 * What the project depends on, installed. Where something stands against its files already, the dependencies are
 * looked at all the same, so that everything is said at once.
 * @param before what was found about the files.
 * @throws Refused with every error; any other error as it is, when there is none of the files.
 */
export async function gatherDependencies(
  collector: DependencyCollector,
  folder: string,
  before: readonly Finding[],
  options: { cacheDir: string; onProgress: OnProgress },
): Promise<{ dependencies: Dependencies | undefined; from: string | undefined; findings: Finding[] }> {
  const declared = await collector.read(folder).catch((error: unknown) => {
    throw together(before, error);
  });
  const findings = [...before, ...declared.findings];
  const { requirements, from } = declared;
  if (requirements === undefined || errorsOf(declared.findings).length > 0) {
    refuseErrors(SUBJECT, findings);
    return { dependencies: undefined, from, findings };
  }
  const dependencies = await collector.collect(requirements, options).catch((error: unknown) => {
    throw together(findings, error);
  });
  if (errorsOf(findings).length > 0) await dependencies.dispose();
  refuseErrors(SUBJECT, findings);
  return { dependencies, from, findings };
}

const errorsOf = (findings: readonly Finding[]): Finding[] => findings.filter((f) => f.level === "error");

function together(findings: readonly Finding[], error: unknown): unknown {
  const before = errorsOf(findings);
  if (before.length === 0 || !(error instanceof EverspotError)) return error;
  const { message, resource, hint = "see there", lines } = error;
  const own = errorFinding("packing.E039", message, { where: resource, hint });
  return new Refused(SUBJECT, [...before, ...(error instanceof Refused ? error.findings : [own])], { lines });
}
