/** What was found that stands against a plan. Pure. */
import { EverspotError } from "../../agent/site/errors.ts";

/** `error`: `up` cannot begin. `ask`: a person must agree. `note`: worth knowing. */
export interface Finding {
  level: "error" | "ask" | "note";
  message: string;
  hint?: string;
}

export const error = (message: string, hint: string): Finding => ({ level: "error", message, hint });

/** All but the errors, a line each. */
export const warningsOf = (findings: readonly Finding[]): string[] =>
  findings
    .filter((f) => f.level !== "error")
    .map(({ message, hint }) => `${message}${hint === undefined ? "" : `: ${hint}`}`);

/** @throws EverspotError with every error among the findings. */
export function refuse(site: string, findings: readonly Finding[]): void {
  const errors = findings.filter((f) => f.level === "error");
  const [only] = errors;
  if (only === undefined) return;
  if (errors.length === 1) {
    throw new EverspotError(only.message, { hint: only.hint });
  }
  throw new EverspotError(`${site} cannot be brought up: ${errors.length} problems`, {
    lines: errors.flatMap((f) => [f.message, ...(f.hint === undefined ? [] : [`  → ${f.hint}`])]),
  });
}
