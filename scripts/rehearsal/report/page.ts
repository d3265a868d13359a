import type { Result } from "../result.ts";
import { availabilityStrip, bootBars, escapeXml } from "./svg.ts";

const STYLE = `
:root { color-scheme: light dark; --ink: #1c2330; --soft: #5c6675; --line: #d9dee6; --page: #fff; --good: #2f9e6e; --bad: #d6336c; --bar: #4c7bd9; --mark: #b7791f; }
@media (prefers-color-scheme: dark) { :root { --ink: #e6e9ef; --soft: #9aa4b2; --line: #333c4a; --page: #14181f; --good: #46c48d; --bad: #ff6b9a; --bar: #7ba2f0; --mark: #e0a94a; } }
body { font: 16px/1.5 system-ui, sans-serif; color: var(--ink); background: var(--page); max-width: 60rem; margin: 0 auto; padding: 1.5rem 1rem 4rem; }
h1 { font-size: 1.6rem; } h2 { font-size: 1.25rem; margin-top: 2.5rem; } h3 { font-size: 1rem; }
.scroll { overflow-x: auto; } svg { width: 100%; min-width: 640px; height: auto; font: 12px system-ui, sans-serif; }
svg text { fill: var(--ink); } svg .tick, svg .note { fill: var(--soft); font-size: 11px; } svg .label { dominant-baseline: auto; }
svg .note.on-bar { fill: var(--page); }
svg .grid { stroke: var(--line); } svg .moment { stroke: var(--mark); stroke-dasharray: 3 3; }
svg .good { stroke: var(--good); } svg .bad { stroke: var(--bad); stroke-width: 2; }
svg .bar { fill: var(--bar); } svg .bar.before { fill: var(--soft); } svg .spread, svg .curve { stroke: var(--ink); fill: none; stroke-width: 1.5; } svg .bar.failed { fill: var(--bad); } svg .bar.skipped { fill: var(--line); }
table { border-collapse: collapse; } td, th { text-align: left; padding: .25rem 1rem .25rem 0; border-bottom: 1px solid var(--line); vertical-align: top; } td.n { text-align: right; font-variant-numeric: tabular-nums; }
.verdict { font-weight: 600; } .verdict.bad { color: var(--bad); } .verdict.good { color: var(--good); }
`;

export const table = (head: string[], rows: (string | number)[][]): string =>
  `<div class="scroll"><table><thead><tr>${head.map((h) => `<th>${escapeXml(h)}</th>`).join("")}</tr></thead><tbody>${rows
    .map(
      (r) =>
        `<tr>${r.map((c) => (typeof c === "number" ? `<td class="n">${c}</td>` : `<td>${escapeXml(c)}</td>`)).join("")}</tr>`,
    )
    .join("")}</tbody></table></div>`;

/** One self-contained page: no script, no request to anywhere. */
export const page = (title: string, body: string): string => `<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<title>${escapeXml(title)}</title><link rel="icon" href="data:,"><style>${STYLE}</style></head>
<body><h1>${escapeXml(title)}</h1>${body}</body></html>
`;

/** What was seen in rehearsals, as a page. */
export const renderPage = (title: string, results: readonly Result[]): string =>
  page(title, [`<p>${escapeXml(LEFT_OUT)}</p>`, ...results.map(renderResult)].join("\n"));

const LEFT_OUT =
  "The instances are containers. What they leave out of a start on AWS: firmware, kernel and initrd (some 4 to 9 s until systemd runs, and processor time), and blocks of the disk, which EBS fetches from a snapshot as they are first read.";
const AS_AWS =
  "As AWS: 18 s until an instance's machine starts, 30 s until a record is INSYNC and known, 10 s in which a fleet takes no further change, answers that are 2 s behind, and no more processor than the type's CPU credits pay for.";

function renderResult(result: Result): string {
  const good = result.problems.length === 0;
  const start = result.timeline[0]?.at ?? 0;
  const parts = [
    `<section data-scenario="${escapeXml(result.scenario)}"><div data-part="visitors"><h2>${escapeXml(result.scenario)} <span class="verdict ${good ? "good" : "bad"}">${good ? "passed" : "failed"}</span></h2>`,
  ];
  if (result.asAws) parts.push(`<p>${escapeXml(AS_AWS)}</p>`);
  if (!good) parts.push(`<ul>${result.problems.map((p) => `<li>${escapeXml(p)}</li>`).join("")}</ul>`);
  const seen = result.visitors.filter((v) => v.samples.length > 0);
  if (seen.length > 0) {
    const times = seen.flatMap((v) => [v.samples[0]?.at ?? 0, v.samples.at(-1)?.at ?? 0]);
    const [from, to] = [Math.min(...times), Math.max(...times)];
    const moments = result.timeline.filter((m) => m.at >= from && m.at <= to).slice(0, 12);
    parts.push(
      `<h3>Requests, each as its visitor saw it</h3><div class="scroll">${availabilityStrip(seen, from, to, moments)}</div>`,
    );
    parts.push(
      table(
        ["visitor", "requests", "failed", "longest gap (s)", "failures"],
        (result.clients ?? []).map((c) => [
          c.name,
          c.requests.total,
          c.requests.failed,
          c.requests.longestGapSeconds,
          Object.entries(c.requests.failures)
            .map(([what, n]) => `${what} × ${n}`)
            .join(", "),
        ]),
      ),
    );
  }
  parts.push("</div>");
  if (result.heal !== undefined) {
    parts.push(
      "<h3>Where the time went</h3>",
      table(
        ["from the reclaim until", "seconds"],
        result.heal.parts.map((p) => [p.name, p.seconds]),
      ),
    );
    const { processorSeconds } = result.heal;
    if (processorSeconds !== undefined) {
      parts.push(`<p>Processor time of the new machine until it had the records: ${processorSeconds} s.</p>`);
    }
  }
  for (const boot of result.boots) {
    parts.push(
      `<h3>Boot of ${escapeXml(boot.instance)}: ${boot.seconds.toFixed(1)} s</h3><div class="scroll">${bootBars(boot)}</div>`,
    );
  }
  parts.push(
    "<h3>Timeline</h3>",
    table(
      ["seconds", "what happened"],
      result.timeline.map((m) => [Math.round((m.at - start) / 100) / 10, m.what]),
    ),
    "</section>",
  );
  return parts.join("\n");
}
