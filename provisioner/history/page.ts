import type { Entry } from "./entries.ts";

const WIDTH = 900;
const NAME = 190;
const ROW = 16;
const BOOTS = 12;
/** How many bars the chart of durations has: the newest. */
const BARS = 60;

/** The history as one HTML page, pictures inside, nothing loaded from elsewhere. */
export function renderPage(site: string, entries: readonly Entry[], now: Date): string {
  const boots = entries.filter((e) => e.steps.length > 0).slice(0, BOOTS);
  return `<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<title>${escaped(site)}: history</title>
<style>
:root { color-scheme: light dark; --bar: #3b82c4; --bad: #c43b3b; --good: #3a9a5b; }
body { font: 1rem/1.5 system-ui, sans-serif; margin: 2rem auto; max-width: 60rem; padding: 0 1rem; }
table { border-collapse: collapse; width: 100%; }
td, th { text-align: left; padding: 0.2rem 0.8rem 0.2rem 0; vertical-align: top; }
svg { width: 100%; height: auto; }
svg text { font: 11px system-ui, sans-serif; fill: currentColor; }
.bar { fill: var(--bar); } .bad { fill: var(--bad); } .good { fill: var(--good); }
</style>
<h1>${escaped(site)}</h1>
<p>As of ${now.toISOString()}.</p>
${renderDurations(entries)}
<table>
<tr><th>when</th><th>what</th><th>seconds</th><th>release</th><th></th></tr>
${entries.map(row).join("\n")}
</table>
${boots.map((boot) => `<h2>${escaped(boot.text)}</h2>\n<p>${boot.at}</p>\n${renderBoot(boot)}`).join("\n")}
</html>
`;
}

const row = (entry: Entry): string =>
  `<tr>${[
    entry.at,
    `${entry.ok === false ? "✗ " : ""}${entry.kind}`,
    entry.seconds === undefined ? "" : entry.seconds.toFixed(1),
    entry.release ?? "",
    entry.text,
  ]
    .map((cell) => `<td>${escaped(cell)}</td>`)
    .join("")}</tr>`;

/** How long each thing took, oldest on the left. */
function renderDurations(entries: readonly Entry[]): string {
  const timed = entries
    .filter((e) => e.seconds !== undefined)
    .slice(0, BARS)
    .toReversed();
  if (timed.length === 0) return "";
  const height = 160;
  const most = Math.max(1, ...timed.map((e) => e.seconds ?? 0));
  const each = Math.min(60, WIDTH / timed.length);
  const bars = timed.map((entry, i) => {
    const tall = ((entry.seconds ?? 0) / most) * (height - 30);
    const x = i * each;
    const kind = entry.ok === false ? "bad" : entry.kind === "drill" ? "good" : "bar";
    return `<rect class="${kind}" x="${n(x + 2)}" y="${n(height - tall)}" width="${n(each - 4)}" height="${n(tall)}"><title>${escaped(`${entry.at} ${entry.kind}: ${entry.seconds} s`)}</title></rect><text x="${n(x + each / 2)}" y="${n(height - tall - 4)}" text-anchor="middle">${n(entry.seconds ?? 0)}</text>`;
  });
  return `<svg viewBox="0 0 ${WIDTH} ${height}" role="img" aria-label="how many seconds each took">${bars.join("")}</svg>`;
}

/** The steps of one boot or deploy: when each began and how long it took. */
function renderBoot({ steps }: Entry): string {
  const end = Math.max(1, ...steps.map((s) => s.start + s.seconds));
  const scale = (WIDTH - NAME - 60) / end;
  const bars = steps.map((step, i) => {
    const y = i * ROW;
    const x = NAME + step.start * scale;
    const wide = Math.max(1, step.seconds * scale);
    return `<text x="0" y="${y + 12}">${escaped(step.name)}</text><rect class="${step.failed ? "bad" : "bar"}" x="${n(x)}" y="${y + 2}" width="${n(wide)}" height="${ROW - 4}"/><text x="${n(x + wide + 4)}" y="${y + 12}">${step.seconds.toFixed(2)} s</text>`;
  });
  return `<svg viewBox="0 0 ${WIDTH} ${steps.length * ROW + 4}" role="img" aria-label="its steps">${bars.join("")}</svg>`;
}

const n = (value: number): string => String(Math.round(value * 10) / 10);
const escaped = (text: string): string => text.replace(/[&<>"']/g, (c) => `&#${c.charCodeAt(0)};`);
