import { connect } from "../aws/connect.ts";
import type { SiteConfig } from "../config/site-config.ts";
import { age, type Style } from "../operator/terminal.ts";
import type { Tools } from "../operator/tools.ts";
import { listReleases, type ReleaseRow } from "../release/releases.ts";

/** `everspot releases`: what there is to go back to. Changes nothing. */
export async function runReleases(config: SiteConfig, tools: Tools): Promise<void> {
  const { terminal, clock } = tools;
  const aws = await connect(config);
  try {
    const rows = await listReleases(aws.store, clock.now());
    terminal.json({
      command: "releases",
      site: config.site,
      releases: rows.map(({ id, states, manifest, age: seconds, quarantined }) => ({
        id,
        states,
        age: Math.round(seconds),
        created: manifest.created,
        by: manifest.by,
        git: manifest.git,
        size: manifest.size,
        python: manifest.python,
        arch: manifest.arch,
        quarantined,
      })),
    });
    for (const line of renderReleases(rows, terminal.style)) terminal.print(line);
  } finally {
    aws.close();
  }
}

export function renderReleases(rows: readonly ReleaseRow[], style: Style): string[] {
  if (rows.length === 0) return ["no release yet; `everspot deploy` makes one"];
  const cells = rows.map((row) => {
    const { git, by, size } = row.manifest;
    return [
      row.id,
      age(row.age * 1000),
      git === undefined ? "-" : `${git.commit.slice(0, 9)}${git.dirty ? "+" : ""}`,
      `${(size / 1e6).toFixed(1)} MB`,
      by ?? "-",
      row.states.join(", "),
    ];
  });
  const head = ["release", "age", "git", "size", "by", "state"];
  const widths = head.map((name, i) => Math.max(name.length, ...cells.map((c) => c[i]?.length ?? 0)));
  const line = (texts: readonly string[]) =>
    texts
      .map((text, i) => text.padEnd(widths[i] ?? 0))
      .join("  ")
      .trimEnd();
  return [
    style.dim(line(head)),
    ...rows.flatMap((row, i) => [
      line(cells[i] ?? []),
      ...(row.quarantined === undefined
        ? []
        : [
            `  ${style.red("✗")} quarantined ${row.quarantined.at}: ${row.quarantined.reason}`,
            ...(row.quarantined.lines ?? []).map((text) => `      ${text}`),
          ]),
    ]),
  ];
}
