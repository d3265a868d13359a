import type { Visit } from "./visit.ts";

/** What became of a project. */
export interface Outcome {
  project: string;
  /** Of git; with the commit that the deploy brought, if it brought one: "v2.9.1 → v2.10.0". */
  commit?: string;
  /** "debian-13" */
  os?: string;
  /** `refused`: with a reason, before anything was changed in AWS. */
  result: "served" | "refused" | "failed";
  /** Of a refusal or a failure, in one line. */
  reason?: string;
  /** Variables that `init` could not give a value. */
  asked: string[];
  /** After `init`, until the site was served: what to type. */
  commands: string[];
  /** How often `up` was tried. */
  attempts: number;
  seconds: { init?: number; packing?: number; up?: number; deploy?: number; heal?: number };
  /** What it does wrong by itself, wherever it runs. */
  flaw?: string;
  /** What was played otherwise than its authors left it. */
  notes: string[];
  /** What everspot said a person should know. */
  warnings: string[];
  visits: { after: "up" | "deploy" | "heal"; visit: Visit }[];
  /** What is not as it must be. */
  problems: string[];
}

/** Whether the project did as it should. */
export const isFine = (outcome: Outcome): boolean => outcome.problems.length === 0;

/** From lines of the CLI on stderr: how long packing took. */
export function packingSeconds(lines: readonly string[]): number | undefined {
  const found = lines.flatMap((line) => /✓ pack \(.*?(?:(\d+) min )?([\d.]+) s\)/.exec(line) ?? []);
  const [, minutes, seconds] = found;
  return seconds === undefined ? undefined : Number(minutes ?? 0) * 60 + Number(seconds);
}

/** Lines of the CLI that begin with "!". */
export const warningsIn = (lines: readonly string[]): string[] =>
  lines.flatMap((line) => /^\s*! (.*)$/.exec(line)?.[1] ?? []);

/** The error that a command ended with: its message, and the findings that it names, in one line. */
export function errorIn(lines: readonly string[]): string {
  const at = lines.findLastIndex((line) => /^error: /.test(line));
  if (at < 0) return "it said nothing";
  const named = lines
    .slice(at + 1)
    .flatMap((line) => /^ {4}(\S.*\([a-z]+\.[EW]\d+\))$/.exec(line)?.[1] ?? []);
  return [lines[at]?.slice("error: ".length) ?? "", ...named].join("; ");
}

/** It was refused before anything was changed: an end that may be right. */
export class Refused extends Error {}

export function refuse(outcome: Outcome, lines: readonly string[]): never {
  outcome.result = "refused";
  outcome.reason = errorIn(lines);
  throw new Refused(outcome.reason);
}
