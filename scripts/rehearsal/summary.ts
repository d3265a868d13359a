import type { Result } from "./result.ts";

/** The object that `--json` prints: the result without what only pictures need. */
export function toJson(result: Result): Omit<Result, "visitors"> {
  const { visitors: _, ...rest } = result;
  return rest;
}

/** One line per scenario, for the end of the terminal's output. */
export function summaryTable(results: readonly Result[]): string {
  const rows = results.map((r) => [
    r.scenario,
    r.problems.length === 0 ? "passed" : "FAILED",
    r.up === undefined ? "" : `up ${r.up.seconds} s`,
    r.heal === undefined ? "" : `healed in ${r.heal.secondsToServing} s`,
    r.requests === undefined ? "" : `${r.requests.failed} of ${r.requests.total} requests failed`,
    r.requests === undefined ? "" : `longest gap ${r.requests.longestGapSeconds} s`,
    ...(r.problems.length === 0 ? [] : [r.problems[0] ?? ""]),
  ]);
  const widths = rows[0]?.map((_, i) => Math.max(...rows.map((row) => row[i]?.length ?? 0))) ?? [];
  return rows
    .map((row) =>
      row
        .map((cell, i) => cell.padEnd(widths[i] ?? 0))
        .join("  ")
        .trimEnd(),
    )
    .join("\n");
}
