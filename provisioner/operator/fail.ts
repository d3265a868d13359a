import { EverspotError } from "../../agent/site/errors.ts";
import { Refused } from "../findings/finding.ts";
import { fitting, type Style, styleFor } from "./terminal.ts";

/** The one place where an error becomes text. @returns the exit code. */
export function fail(error: unknown, options: { json: boolean; stderr?: NodeJS.WriteStream }): number {
  const stderr = options.stderr ?? process.stderr;
  const style = styleFor(stderr);
  const known = error instanceof EverspotError;
  const lines = known ? explain(error, style) : bug(error, style);
  stderr.write(`${fitting(stderr, lines.join("\n"))}\n`);
  if (options.json) process.stdout.write(`${JSON.stringify({ error: report(error) }, null, 2)}\n`);
  return known ? error.exitCode : 1;
}

export function explain(error: EverspotError, style: Style): string[] {
  return [
    `${style.red(style.bold("error:"))} ${error.message}`,
    ...error.lines.map((line) => `    ${line}`),
    ...(error.resource === undefined ? [] : [`  ${style.dim("where:")} ${error.resource}`]),
    ...(error.hint === undefined ? [] : [`  ${style.dim("what to do:")} ${error.hint}`]),
  ];
}

function bug(error: unknown, style: Style): string[] {
  const stack = error instanceof Error ? (error.stack ?? error.message) : String(error);
  return [
    `${style.red(style.bold("bug:"))} everspot met something it did not expect. Please report this:`,
    ...stack.split("\n").map((line) => `    ${line}`),
    `  ${style.dim("what to do:")} run the command again; it checks what is already done and goes on from there`,
  ];
}

/** As it stands in a JSON document. */
export function report(error: unknown): Record<string, unknown> {
  if (!(error instanceof EverspotError)) return { message: String(error), bug: true };
  const { message, resource, hint, lines } = error;
  return {
    message,
    resource,
    hint,
    lines: lines.length === 0 ? undefined : lines,
    findings: error instanceof Refused ? error.findings : undefined,
  };
}
