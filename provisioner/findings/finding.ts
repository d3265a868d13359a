/** What a look at a project, its packages or its site turned up: values, as Django's own checks are. Pure. */
import { EverspotError } from "../../agent/site/errors.ts";
import { omitUndefined } from "../../agent/site/omit-undefined.ts";

export interface Finding {
  /** Never changes and is never given twice: the area, then E or W and a number, e.g. "project.W012". */
  id: `${string}.${"E" | "W"}${number}`;
  /** `error`: it cannot work like this. `warning`: it works, but a person should know. */
  level: "error" | "warning";
  /** A sentence without its full stop. */
  what: string;
  /** The file, line, key or package it is about. */
  where?: string;
  /** What to do about it. */
  hint: string;
}

interface More {
  where?: string | undefined;
  hint: string;
}

export const errorFinding = (id: `${string}.E${number}`, what: string, { where, hint }: More): Finding => ({
  ...{ id, level: "error", what },
  ...omitUndefined({ where }),
  hint,
});

export const warningFinding = (id: `${string}.W${number}`, what: string, { where, hint }: More): Finding => ({
  ...{ id, level: "warning", what },
  ...omitUndefined({ where }),
  hint,
});

/** Errors first, each kind in the order in which it was found. */
export const sorted = (findings: readonly Finding[]): Finding[] => [
  ...findings.filter((f) => f.level === "error"),
  ...findings.filter((f) => f.level === "warning"),
];

/** On one line, without what to do: "settings.py: DEBUG is on (project.W012)". */
export const headline = ({ id, what, where }: Finding): string =>
  `${where === undefined || what.startsWith(where) ? "" : `${where}: `}${what} (${id})`;

/** Errors that were found, as the one error a person sees. */
export class Refused extends EverspotError {
  readonly findings: readonly Finding[];

  /** @param subject what they stand against, e.g. "the project cannot be packed". @param errors at least one. */
  constructor(subject: string, errors: readonly Finding[], more: { lines?: readonly string[] } = {}) {
    const [only, second] = errors;
    if (only !== undefined && second === undefined) {
      super(`${only.what} (${only.id})`, { ...more, resource: only.where, hint: only.hint });
    } else {
      // What several need alike is said once, behind the last of them.
      const each = errors.flatMap((f, i) => [
        headline(f),
        ...(errors[i + 1]?.hint === f.hint ? [] : [`  → ${f.hint}`]),
      ]);
      super(`${subject}: ${errors.length} problems`, { lines: [...each, ...(more.lines ?? [])] });
    }
    this.findings = errors;
  }
}

/** @throws Refused with every error among the findings, if there is one. */
export function refuseErrors(subject: string, findings: readonly Finding[]): void {
  const errors = findings.filter((f) => f.level === "error");
  if (errors.length > 0) throw new Refused(subject, errors);
}
