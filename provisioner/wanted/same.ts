import { isDeepStrictEqual } from "node:util";

/**
 * Whether two JSON documents say the same. AWS returns policies with one-element lists as plain values, and
 * lists in an order of its own.
 */
export const sameDocument = (a: unknown, b: unknown): boolean =>
  isDeepStrictEqual(canonical(a), canonical(b));

function canonical(value: unknown): unknown {
  if (Array.isArray(value)) {
    if (value.length === 1) return canonical(value[0]);
    return value.map(canonical).sort((a, b) => (JSON.stringify(a) < JSON.stringify(b) ? -1 : 1));
  }
  if (typeof value === "object" && value !== null) {
    const entries = Object.entries(value).filter(([, v]) => v !== undefined);
    return Object.fromEntries(
      entries.sort(([a], [b]) => (a < b ? -1 : 1)).map(([k, v]) => [k, canonical(v)]),
    );
  }
  return value;
}
