/** The figures of the bench as a page. */

import { comparison, curve } from "../rehearsal/report/charts.ts";
import { page, table } from "../rehearsal/report/page.ts";
import { bootBars, escapeXml } from "../rehearsal/report/svg.ts";
import { type BootKind, bootKinds, type Figures, isMeasured } from "./figures.ts";
import { rowsOf } from "./rows.ts";
import { machineNote } from "./table.ts";
import { targetsOf } from "./targets.ts";

const NAMES: Record<BootKind, string> = {
  article: "usual set-up",
  first: "first boot",
  replacement: "replacement",
  baked: "baked image",
};

export function renderBench(figures: Figures): string {
  const { processors, model, memoryGB } = figures.machine;
  const machine = [
    `${figures.when}, ${processors} processors (${model}), ${memoryGB} GB`,
    ...machineNote(figures),
  ];
  const about = `<p>${escapeXml(`${machine.join("; ")}.`)}</p>`;
  const parts = [about, boots(figures), sizes(figures), memory(figures), targets(figures), all(figures)];
  return page("everspot bench", parts.join("\n"));
}

function boots({ boot }: Figures): string {
  if (boot === undefined) return "";
  const bars = bootKinds.flatMap((kind) => {
    const { [kind]: of } = boot;
    const { median, min, max } = isMeasured(of) ? of : {};
    if (median === undefined || min === undefined || max === undefined) return [];
    return [{ name: NAMES[kind], median, min, max, before: kind === "article" }];
  });
  const typical = bootKinds.flatMap((kind) => {
    const { [kind]: of } = boot;
    if (of === undefined) return [];
    if (!isMeasured(of)) return [`<p>${escapeXml(`There is no ${NAMES[kind]}: ${of.absent}`)}</p>`];
    const title = `${NAMES[kind]}: where ${of.typical.seconds.toFixed(1)} s went`;
    return [
      `<h3>${escapeXml(title)}</h3><div class="scroll" data-boot="${kind}">${bootBars(of.typical)}</div>`,
    ];
  });
  return `<section><h2>From the start of user data to the first HTTPS 200 by name</h2>
<p>Bars are medians, the lines on them go from the least to the most.</p>
<div class="scroll">${comparison(bars)}</div>${typical.join("\n")}</section>`;
}

function sizes({ sizes: measured = [] }: Figures): string {
  if (measured.length === 0) return "";
  const bars = (of: "boot" | "deploy") =>
    comparison(measured.map((size) => ({ name: `${size.releaseMB} MB`, ...size[of] })));
  return `<section><h2>By the size of the release</h2>
<h3>Boot, until the instance has the records</h3><div class="scroll" data-sizes="boot">${bars("boot")}</div>
<h3>everspot deploy</h3><div class="scroll" data-sizes="deploy">${bars("deploy")}</div></section>`;
}

function memory({ memory: measured }: Figures): string {
  if (measured === undefined) return "";
  const points = measured.samples.map(({ minute, MB }) => ({ x: minute, y: MB }));
  return `<section><h2>Resident memory of the agent over a simulated hour</h2>
<p>${measured.looks} looks for a notice of AWS; ${measured.slopeMBPerHour} MB/h.</p>
<div class="scroll">${curve(points, "MB")}</div></section>`;
}

function targets(figures: Figures): string {
  const rows = targetsOf(figures).map(({ what, wanted, measured, met }) => [
    what,
    wanted,
    measured ?? "-",
    met === undefined ? "not measured" : met ? "met" : "not met",
  ]);
  return `<section data-table="targets"><h2>Targets</h2>${table(["target", "wanted", "measured", ""], rows)}</section>`;
}

function all(figures: Figures): string {
  const rows = rowsOf(figures).map(({ what, unit, value }) =>
    typeof value === "number"
      ? [what, value, "", "", "", unit]
      : [what, value.median, value.min, value.max, value.runs, unit],
  );
  return `<section data-table="figures"><h2>All figures</h2>${table(["", "median", "min", "max", "runs", "unit"], rows)}</section>`;
}
