import { validation } from "./entities.ts";

interface Paging {
  Marker?: string | undefined;
  MaxItems?: number | undefined;
}

/**
 * One page of a list as IAM gives it: at most `MaxItems` (default 100, at most 1000), `Marker` only when there is
 * more.
 */
export function page<T>(
  all: readonly T[],
  input: Paging,
): { items: T[]; paging: Paging & { IsTruncated: boolean } } {
  const size = input.MaxItems ?? 100;
  if (size < 1 || size > 1000) {
    throw validation(
      `1 validation error detected: Value '${size}' at 'maxItems' failed to satisfy constraint: Member must have value between 1 and 1000`,
    );
  }
  const start = input.Marker === undefined ? 0 : offsetOf(input.Marker);
  const end = start + size;
  const more = end < all.length;
  return {
    items: all.slice(start, end),
    paging: { IsTruncated: more, ...(more ? { Marker: Buffer.from(`next:${end}`).toString("base64") } : {}) },
  };
}

function offsetOf(marker: string): number {
  const [, offset] = /^next:(\d+)$/.exec(Buffer.from(marker, "base64").toString("utf8")) ?? [];
  if (offset === undefined) throw validation("Invalid Marker.");
  return Number(offset);
}

/** Sorted by name, as IAM lists everything. */
export const byName = <T extends { name: string }>(all: Iterable<T>): T[] =>
  [...all].sort((a, b) => (a.name < b.name ? -1 : 1));
