/** The figures for the terminal. Pure. */
import { bootKinds, type Figures, isMeasured } from "./figures.ts";
import { rowsOf } from "./rows.ts";
import { targetsOf } from "./targets.ts";

/** Percent. */
const WORTH_TELLING = 2;

export function figuresTable(figures: Figures): string {
  const rows = rowsOf(figures).map(({ what, unit, value }) =>
    typeof value === "number"
      ? [what, String(value), "", "", "", unit]
      : [what, String(value.median), String(value.min), String(value.max), String(value.runs), unit],
  );
  const absent = bootKinds.flatMap((kind) => {
    const of = figures.boot?.[kind];
    return of === undefined || isMeasured(of) ? [] : [`boot: ${kind} is absent: ${of.absent}`];
  });
  return [
    aligned([["", "median", "min", "max", "runs", ""], ...rows], new Set([1, 2, 3, 4])),
    ...absent,
    ...machineNote(figures),
  ].join("\n");
}

/** What a reader must know of the machine to judge figures in seconds. */
export function machineNote({ machine: { stolenPercent } }: Figures): string[] {
  if (stolenPercent === undefined || stolenPercent < WORTH_TELLING) return [];
  return [
    `this machine's host kept back ${stolenPercent} % of the processor time: judge ratios, not seconds`,
  ];
}

export function targetsTable(figures: Figures): string {
  const rows = targetsOf(figures).map(({ what, wanted, measured, met }) => [
    what,
    wanted,
    measured ?? "-",
    met === undefined ? "not measured" : met ? "met" : "NOT MET",
  ]);
  return aligned([["target", "wanted", "measured", ""], ...rows], new Set());
}

/** @param right columns of numbers. */
function aligned(rows: readonly (readonly string[])[], right: ReadonlySet<number>): string {
  const widths = (rows[0] ?? []).map((_, i) => Math.max(...rows.map((r) => r[i]?.length ?? 0)));
  const cell = (text: string, i: number) =>
    right.has(i) ? text.padStart(widths[i] ?? 0) : text.padEnd(widths[i] ?? 0);
  return rows.map((r) => r.map(cell).join("  ").trimEnd()).join("\n");
}
