import type { core } from "zod/mini";
import { type Complaint, notes } from "../../agent/site/config/text.ts";
import { closest } from "./closest.ts";
import { schemaAt, shapeOf, valuesOf } from "./keys.ts";

/** One thing wrong with the configuration. */
export interface Finding extends Complaint {
  path: readonly (string | number)[];
}

type Path = readonly (string | number)[];

/** What zod found, in our own words. `input` is what was parsed. */
export function findingsOf(
  issues: readonly core.$ZodIssue[],
  schema: core.$ZodType,
  input: unknown,
  at: Path = [],
): Finding[] {
  return issues.flatMap((issue) => {
    const path = [...at, ...issue.path.map((p) => (typeof p === "symbol" ? String(p) : p))];
    if (issue.code === "unrecognized_keys") {
      return issue.keys.map((key) =>
        unknownKey([...path, key], knownKeys(schema, path), homeOf(schema, path, key)),
      );
    }
    const value = valueAt(input, path);
    if (value === undefined) {
      const known = schemaAt(schema, path);
      return [{ path, message: "is missing", hint: known && notes.get(known)?.missing }];
    }
    if (issue.code === "invalid_union") {
      const fits = issue.errors.find((branch) => !branch.some(isOfAnotherType));
      if (fits !== undefined) return findingsOf(fits, schema, input, path);
    }
    return [{ path, ...worded(issue, value) }];
  });
}

const isOfAnotherType = (issue: core.$ZodIssue): boolean =>
  issue.code === "invalid_type" && issue.path.length === 0;

function worded(issue: core.$ZodIssue, value: unknown): Complaint {
  switch (issue.code) {
    case "invalid_value": {
      const allowed = issue.values.map(String);
      const meant = typeof value === "string" ? closest(value, allowed) : undefined;
      const message = `must be one of ${allowed.map((v) => JSON.stringify(v)).join(", ")}`;
      return { message, hint: meant && `did you mean "${meant}"?` };
    }
    case "invalid_type":
      return { message: `must be ${article(issue.expected)}, not ${typeName(value)}` };
    case "invalid_union": {
      const tables = issue.errors
        .flat()
        .some((one) => one.code === "invalid_type" && one.expected === "object");
      const what = tables ? "a table or a list of tables" : "text in quotes or a list of texts";
      return { message: `must be ${what}, not ${typeName(value)}` };
    }
    case "too_small":
      return { message: limit(issue.inclusive === false ? "more than" : "at least", issue.minimum, issue) };
    case "too_big":
      return { message: limit(issue.inclusive === false ? "less than" : "at most", issue.maximum, issue) };
    case "invalid_key": {
      const [inner] = issue.issues;
      return inner === undefined ? { message: issue.message } : worded(inner, value);
    }
    case "custom": {
      const hint: unknown = issue.params?.hint;
      return { message: issue.message, hint: typeof hint === "string" ? hint : undefined };
    }
    default:
      return { message: issue.message };
  }
}

function limit(bound: string, number: number | bigint, { origin }: { origin: string }): string {
  if (origin !== "array") return `must be ${bound} ${number}`;
  return `must have ${bound} ${number} ${Number(number) === 1 ? "entry" : "entries"}`;
}

/** @param home where such a key does belong, if there is such a place. */
export function unknownKey(path: Path, known: readonly string[], home?: string): Finding {
  const meant = closest(String(path.at(-1)), known);
  const hint = home ?? `known here: ${known.join(", ")}`;
  return { path, message: "unknown key", hint: meant === undefined ? hint : `did you mean "${meant}"?` };
}

/** What is put at the end of the file belongs to the last table there. */
function homeOf(schema: core.$ZodType, path: Path, key: string): string | undefined {
  const tables = shapeOf(schema) ?? {};
  const own = tables[key];
  if (own !== undefined && path.length > 0) {
    const isTable = shapeOf(own) !== undefined || valuesOf(own) !== undefined;
    return isTable ? `it is a table of its own: [${key}]` : "it belongs above the first table";
  }
  const homes = Object.keys(tables).filter((name) => shapeOf(tables[name] as core.$ZodType)?.[key]);
  return homes.length === 0 ? undefined : `it belongs to ${homes.map((name) => `[${name}]`).join(" or ")}`;
}

function knownKeys(schema: core.$ZodType, path: Path): string[] {
  const at = schemaAt(schema, path);
  const own = Object.keys((at && shapeOf(at)) ?? {});
  return path.length === 0 ? [...own, "stages"] : own;
}

export function valueAt(input: unknown, path: Path): unknown {
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
