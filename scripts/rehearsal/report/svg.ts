/** The pictures of a report: plain SVG text, coloured by the page's CSS classes so that they follow its theme. */

import type { Boot, Moment } from "../result.ts";
import { failed, type Sample } from "../sample.ts";

export const WIDTH = 900;
export const LABEL = 150;

export const escapeXml = (text: string): string => text.replace(/[&<>"]/g, (c) => `&#${c.charCodeAt(0)};`);

export const tag = (name: string, attributes: Record<string, string | number>, inner = ""): string =>
  `<${name} ${Object.entries(attributes)
    .map(([k, v]) => `${k}="${escapeXml(String(v))}"`)
    .join(" ")}>${inner}</${name}>`;

export const text = (
  x: number,
  y: number,
  what: string,
  more: Record<string, string | number> = {},
): string => tag("text", { x, y, ...more }, escapeXml(what));

export const svg = (name: string, height: number, inner: string): string =>
  tag(
    "svg",
    { viewBox: `0 0 ${WIDTH} ${height}`, class: name, role: "img", xmlns: "http://www.w3.org/2000/svg" },
    inner,
  );

/** Ticks at a round step so that there are at most ten. Seconds. */
function ticks(span: number): number[] {
  const step =
    [0.1, 0.2, 0.5, 1, 2, 5, 10, 20, 30, 60, 120, 300, 600, 1800, 3600].find((s) => span / s <= 10) ??
    span / 10;
  return Array.from({ length: Math.floor(span / step) + 1 }, (_, i) => Math.round(i * step * 10) / 10);
}

export function axis(span: number, y: number, height: number): string {
  const x = (s: number) => LABEL + (s / span) * (WIDTH - LABEL - 10);
  return ticks(span)
    .map(
      (s) =>
        tag("line", { x1: x(s), x2: x(s), y1: y, y2: y + height, class: "grid" }) +
        text(x(s), y + height + 14, `${s} s`, { class: "tick", "text-anchor": "middle" }),
    )
    .join("");
}

/** One row per visitor: a mark for each request at the time it was sent; failed ones stand out. */
export function availabilityStrip(
  visitors: { name: string; samples: readonly Sample[] }[],
  from: number,
  to: number,
  moments: readonly Moment[],
): string {
  const span = Math.max(1, (to - from) / 1000);
  const x = (at: number) => LABEL + ((at - from) / 1000 / span) * (WIDTH - LABEL - 10);
  const row = 34;
  const top = 8 + moments.length * 15;
  const height = top + visitors.length * row;
  const marks = moments
    .map((m, i) => {
      const end = x(m.at) > WIDTH * 0.7;
      return (
        tag("line", { x1: x(m.at), x2: x(m.at), y1: 14 + i * 15, y2: height, class: "moment" }) +
        text(x(m.at) + (end ? -4 : 4), 14 + i * 15, m.what, {
          class: "note",
          "text-anchor": end ? "end" : "start",
        })
      );
    })
    .join("");
  const rows = visitors.map((v, i) => {
    const y = top + i * row;
    const good = path(
      v.samples.filter((s) => !failed(s)),
      x,
      y,
      row - 10,
    );
    const bad = path(v.samples.filter(failed), x, y, row - 10);
    return (
      text(0, y + row / 2, v.name, { class: "label" }) +
      tag("path", { d: good, class: "good", "data-count": v.samples.filter((s) => !failed(s)).length }) +
      tag("path", { d: bad, class: "bad", "data-count": v.samples.filter(failed).length })
    );
  });
  return svg("availability", height + 22, axis(span, top, visitors.length * row) + rows.join("") + marks);
}

const path = (samples: readonly Sample[], x: (at: number) => number, y: number, height: number): string =>
  samples.map((s) => `M${x(s.at).toFixed(1)} ${y}v${height}`).join("");

/** One row per step, from its start to its end. */
export function bootBars(boot: Boot): string {
  const span = Math.max(1, ...boot.steps.map((s) => s.start + (s.seconds ?? 0)));
  const x = (s: number) => LABEL + (s / span) * (WIDTH - LABEL - 10);
  const row = 22;
  const bars = boot.steps.map((step, i) => {
    const y = 4 + i * row;
    const width = Math.max(1, x(step.start + (step.seconds ?? 0)) - x(step.start));
    const label = `${(step.seconds ?? 0).toFixed(2)} s${step.detail ? ` · ${step.detail}` : ""}`;
    const place = placeLabel(label, x(step.start), width);
    return (
      text(0, y + 14, step.name, { class: "label" }) +
      tag("rect", {
        x: x(step.start),
        y,
        width,
        height: row - 6,
        rx: 2,
        class: `bar ${step.state}`,
        "data-step": step.name,
        "data-seconds": step.seconds ?? 0,
      }) +
      text(place.x, y + 13, place.text, { class: place.class, "text-anchor": place.anchor })
    );
  });
  const height = boot.steps.length * row + 4;
  return svg("boot", height + 22, axis(span, 0, height) + bars.join(""));
}

/** Pixels of a character of a note, on the generous side. */
const CHARACTER = 6;

/** Beside the bar where there is room, else on it, else before it; shortened on the bar when it fits nowhere. */
function placeLabel(label: string, start: number, width: number) {
  const length = label.length * CHARACTER;
  if (start + width + 6 + length <= WIDTH)
    return { x: start + width + 6, anchor: "start", class: "note", text: label };
  if (width < length + 12 && start - 6 - length >= LABEL)
    return { x: start - 6, anchor: "end", class: "note", text: label };
  const fits = Math.floor((width - 12) / CHARACTER);
  const text = label.length <= fits ? label : `${label.slice(0, Math.max(0, fits - 1))}…`;
  return { x: start + 6, anchor: "start", class: "note on-bar", text };
}
