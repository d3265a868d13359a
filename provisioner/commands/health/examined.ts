/** What was looked at, one thing after the other, and what came of it: the form in which `doctor` tells it. Pure. */
import type { Finding } from "../../findings/finding.ts";
import type { Finding as PlanFinding } from "../../plan/findings.ts";

export interface Examined {
  /** What was looked at: a word, e.g. "fleet". */
  name: string;
  /** `unknown`: it could not be looked at. */
  state: "well" | "odd" | "ill" | "unknown";
  /** What was seen, or what is wrong: a sentence without its full stop. */
  what: string;
  findings: readonly Finding[];
  /** What was said by what failed. */
  lines?: readonly string[];
  /** The command that comes next where this is the first thing that is ill. */
  next?: string;
}

export const well = (name: string, what: string): Examined => ({ name, state: "well", what, findings: [] });

export const unknown = (name: string, what: string): Examined => ({
  ...{ name, state: "unknown", what, findings: [] },
});

/** @param seen what it is called where nothing was found. @param next where an error was. */
export function examined(
  name: string,
  seen: string,
  findings: readonly Finding[],
  next: string,
  lines?: readonly string[],
): Examined {
  const worst = findings.find((f) => f.level === "error") ?? findings[0];
  if (worst === undefined) return well(name, seen);
  return {
    ...{ name, state: worst.level === "error" ? "ill" : "odd", what: worst.what, findings, next },
    ...(lines !== undefined && lines.length > 0 && { lines }),
  };
}

/** What stands against `up`, in the form of all findings. `area`: of their ids, such as "domain". */
export const asFindings = (area: string, found: readonly PlanFinding[]): Finding[] =>
  found.map(({ level, message, hint = "`everspot plan` says more" }) =>
    level === "error"
      ? { id: `${area}.E001`, level, what: message, hint }
      : { id: `${area}.W001`, level: "warning", what: message, hint },
  );

/** The one command that comes next: of the first thing that is ill, else of the first that is odd. */
export const nextOf = (all: readonly Examined[]): string | undefined =>
  (all.find((e) => e.state === "ill") ?? all.find((e) => e.state === "odd" && e.next !== undefined))?.next;
