import { z } from "zod";
import { closest } from "./closest.ts";

/** One thing wrong with the configuration. */
export interface Finding {
  path: readonly (string | number)[];
  message: string;
  hint?: string;
}

/** What zod found, in our words. `input` is what was parsed. */
export function findingsOf(error: z.ZodError, schema: z.ZodType, input: unknown): Finding[] {
  return error.issues.flatMap((issue) => {
    const path = issue.path.map((p) => (typeof p === "symbol" ? String(p) : p));
    if (issue.code === "unrecognized_keys") {
      return issue.keys.map((key) => unknownKey([...path, key], knownKeys(schema, path)));
    }
    const value = valueAt(input, path);
    if (value === undefined) return [{ path, message: "is missing", ...hintFor(path) }];
    if (issue.code === "invalid_value") {
      const allowed = issue.values.map(String);
      const meant = typeof value === "string" ? closest(value, allowed) : undefined;
      const message = `must be one of ${allowed.map((v) => JSON.stringify(v)).join(", ")}`;
      return [{ path, message, ...(meant === undefined ? {} : { hint: `did you mean "${meant}"?` }) }];
    }
    if (issue.code === "invalid_type") {
      return [{ path, message: `must be ${article(issue.expected)}, not ${typeName(value)}` }];
    }
    if (issue.code === "custom") {
      const hint: unknown = issue.params?.hint;
      return [{ path, message: issue.message, ...(typeof hint === "string" ? { hint } : {}) }];
    }
    return [{ path, message: issue.message }];
  });
}

export function unknownKey(path: readonly (string | number)[], known: readonly string[]): Finding {
  const meant = closest(String(path.at(-1)), known);
  const hint = meant === undefined ? `known here: ${known.join(", ")}` : `did you mean "${meant}"?`;
  return { path, message: "unknown key", hint };
}

const hints: Record<string, string> = {
  site: 'a short name for the site: site = "guestbook"',
  region: 'the AWS region it runs in: region = "us-east-1"',
  domain: 'its name in DNS: domain = "guestbook.example.com"',
  app: '[app] needs at least wsgi = "mysite.wsgi:application"',
  "app.wsgi": 'where the WSGI application is: wsgi = "mysite.wsgi:application"',
};

function hintFor(path: readonly (string | number)[]): { hint?: string } {
  const hint = hints[path.join(".")];
  return hint === undefined ? {} : { hint };
}

function knownKeys(schema: z.ZodType, path: readonly (string | number)[]): string[] {
  let at: unknown = schema;
  for (const part of ["", ...path]) {
    while (at instanceof z.ZodOptional || at instanceof z.ZodDefault || at instanceof z.ZodPrefault)
      at = at.unwrap();
    if (!(at instanceof z.ZodObject)) return [];
    if (part !== "") at = at.shape[String(part)];
  }
  while (at instanceof z.ZodOptional || at instanceof z.ZodDefault || at instanceof z.ZodPrefault)
    at = at.unwrap();
  const own = at instanceof z.ZodObject ? Object.keys(at.shape) : [];
  return path.length === 0 ? [...own, "stages"] : own;
}

export function valueAt(input: unknown, path: readonly (string | number)[]): unknown {
  let at = input;
  for (const part of path) {
    if (typeof at !== "object" || at === null) return undefined;
    at = (at as Record<string, unknown>)[String(part)];
  }
  return at;
}

function typeName(value: unknown): string {
  if (Array.isArray(value)) return "a list";
  if (value instanceof Date) return "a date";
  if (typeof value === "object") return "a table";
  if (typeof value === "number" && !Number.isInteger(value)) return "a number with a fraction";
  return article(typeof value);
}

function article(type: string): string {
  const name =
    { string: "text in quotes", array: "list", object: "table", record: "table", int: "whole number" }[
      type
    ] ?? type;
  return name.startsWith("text") ? name : `a ${name}`;
}
