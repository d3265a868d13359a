/** Why a release cannot be packed, as findings beside the others. Pure. */
import { EverspotError } from "../../agent/site/errors.ts";
import { errorFinding, type Finding, Refused, refuseErrors } from "./finding.ts";

/** How many lines of pip's output are shown. */
const LINES = 6;

export function unpackable(error: EverspotError): readonly Finding[] {
  if (error instanceof Refused) return error.findings.filter((f) => f.level === "error");
  return [
    errorFinding("project.E005", error.message, {
      where: error.resource,
      hint: [error.hint ?? "its last lines:", ...error.lines.slice(-LINES)].join("\n    "),
    }),
  ];
}

/** @param packing what packing threw. @throws it, or all that stands against the project at once. */
export function refuseProject(site: string, findings: readonly Finding[], packing: unknown): void {
  const errors = findings.filter((f) => f.level === "error");
  if (packing !== undefined && (errors.length === 0 || !(packing instanceof EverspotError))) throw packing;
  const more = packing instanceof EverspotError ? unpackable(packing) : [];
  refuseErrors(`${site} cannot be served like this`, [...errors, ...more]);
}
