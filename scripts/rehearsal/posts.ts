import { failed, type Sample } from "./sample.ts";
import type { Visitor } from "./visitors.ts";

/** An acknowledged POST: who wrote it down, under which number. */
export interface Written {
  at: number;
  id: number;
  release: string;
}

export const written = (visitors: readonly Visitor[]): Written[] =>
  visitors
    .flatMap((v) => v.samples)
    .filter((s) => s.method === "POST" && !failed(s))
    .map(writtenBy)
    .sort((a, b) => a.at - b.at);

function writtenBy(sample: Sample): Written {
  const id = Number(/"id": *(\d+)/.exec(sample.body ?? "")?.[1]);
  const release = /"release": *"([^"]*)"/.exec(sample.body ?? "")?.[1] ?? "no release";
  return { at: sample.at, id, release };
}

/**
 * Every database numbers its entries from 1: acknowledged once each, they are 1 … n. A number twice was answered by
 * two; a gap is an entry that was written and not acknowledged, or written twice for one request.
 * @returns what is wrong, a line each.
 */
export function countedOnce(entries: readonly Written[]): string[] {
  const problems: string[] = [];
  for (const release of new Set(entries.map((e) => e.release))) {
    const ids = entries.filter((e) => e.release === release).map((e) => e.id);
    const twice = ids.length - new Set(ids).size;
    if (twice > 0) problems.push(`${twice} entries of ${release} were acknowledged twice`);
    const gaps = Math.max(...ids) - Math.min(...ids) + 1 - new Set(ids).size;
    if (gaps > 0) problems.push(`${gaps} entries of ${release} were written without being acknowledged`);
  }
  return problems;
}
