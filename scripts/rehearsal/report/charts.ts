/** Charts of figures of several runs, drawn as in svg.ts. */
import { axis, LABEL, svg, tag, text, WIDTH } from "./svg.ts";

const ROW = 34;

/** A figure with its spread, in seconds. */
export interface Bar {
  name: string;
  median: number;
  min: number;
  max: number;
  /** What the others are compared with. */
  before?: boolean;
}

/** One bar per figure, as long as its median, with a line from the least to the most. */
export function comparison(bars: readonly Bar[]): string {
  const span = Math.max(1, ...bars.map((b) => b.max));
  // Room for the last label.
  const x = (s: number) => LABEL + (s / span) * (WIDTH - LABEL - 10);
  const before = bars.find((b) => b.before)?.median;
  const rows = bars.map((bar, i) => {
    const y = 4 + i * ROW;
    const share = before === undefined || bar.before ? "" : `, ${Math.round((100 * bar.median) / before)} %`;
    const label = `${bar.median.toFixed(1)} s${share}`;
    const beside = x(bar.max) + 8 + label.length * 7 <= WIDTH;
    return (
      text(0, y + 16, bar.name, { class: "label" }) +
      tag("rect", {
        x: LABEL,
        y,
        width: Math.max(1, x(bar.median) - LABEL),
        height: ROW - 12,
        rx: 2,
        class: bar.before ? "bar before" : "bar",
        "data-name": bar.name,
        "data-seconds": bar.median,
      }) +
      tag("path", { d: `M${x(bar.min)} ${y + 11}H${x(bar.max)}`, class: "spread" }) +
      text(beside ? x(bar.max) + 8 : LABEL + 8, y + 15, label, { class: beside ? "note" : "note on-bar" })
    );
  });
  const height = bars.length * ROW + 4;
  return svg("comparison", height + 22, axis(span, 0, height) + rows.join(""));
}

const CURVE = 220;

/** A line through points, over minutes. */
export function curve(points: readonly { x: number; y: number }[], unit: string): string {
  const [wide, high] = [Math.max(1, ...points.map((p) => p.x)), Math.max(1, ...points.map((p) => p.y)) * 1.1];
  const x = (value: number) => LABEL + (value / wide) * (WIDTH - LABEL - 10);
  const y = (value: number) => CURVE - (value / high) * CURVE;
  const step = [1, 2, 5, 10, 20, 50, 100, 200, 500].find((s) => high / s <= 6) ?? high / 6;
  const lines = Array.from({ length: Math.floor(high / step) + 1 }, (_, i) => i * step)
    .map(
      (value) =>
        tag("line", { x1: LABEL, x2: WIDTH - 10, y1: y(value) + 8, y2: y(value) + 8, class: "grid" }) +
        text(LABEL - 8, y(value) + 12, `${value} ${unit}`, { class: "tick", "text-anchor": "end" }),
    )
    .join("");
  const minutes = [0, 0.25, 0.5, 0.75, 1]
    .map((part) =>
      text(x(wide * part), CURVE + 26, `${Math.round(wide * part)} min`, {
        class: "tick",
        "text-anchor": part === 1 ? "end" : "middle",
      }),
    )
    .join("");
  const d = points
    .map((p, i) => `${i === 0 ? "M" : "L"}${x(p.x).toFixed(1)} ${(y(p.y) + 8).toFixed(1)}`)
    .join("");
  return svg(
    "curve-chart",
    CURVE + 34,
    lines + minutes + tag("path", { d, class: "curve", "data-count": points.length }),
  );
}
