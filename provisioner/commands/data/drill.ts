import { mkdtemp, rm, stat } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { EverspotError } from "../../../agent/site/errors.ts";
import { mediaKey } from "../../../agent/site/state/keys.ts";
import { type Restored, restore } from "../../../agent/site/state/restore.ts";
import { type Aws, connect } from "../../aws/connect.ts";
import type { SiteConfig } from "../../config/site-config.ts";
import { megabytes, plural } from "../../data/counted.ts";
import { type Examined, examineOrRefuse } from "../../data/sqlite.ts";
import { summarize } from "../../data/summary.ts";
import { unzstd } from "../../data/unzstd.ts";
import { missingIn, uploadsInBucket } from "../../data/uploads.ts";
import { formatMoment } from "../../operator/moment.ts";
import type { Tools } from "../../operator/tools.ts";

/**
 * `everspot data drill`: proof that what is in the bucket can be restored. Brings the databases into a scratch folder,
 * asks SQLite about each, counts its rows, and looks for each upload. Changes nothing.
 */
export async function runDataDrill(
  config: SiteConfig,
  { terminal, clock, interrupted }: Pick<Tools, "terminal" | "clock" | "interrupted">,
  { dryRun }: { dryRun: boolean } = { dryRun: false },
): Promise<void> {
  const aws = await connect(config, clock);
  const signal = interrupted();
  const folder = await mkdtemp(path.join(tmpdir(), "everspot-drill-"));
  const began = clock.now();
  const seconds = () => (clock.now() - began) / 1000;
  try {
    if (dryRun) {
      const { databases, media, entry } = await summarize(aws.state);
      terminal.json({ command: "data drill", site: config.site, dryRun, entry, databases, media });
      const bytes = databases.reduce((sum, { size }) => sum + size, 0);
      terminal.print(`would restore ${megabytes(bytes)} of databases into a folder below ${tmpdir()}`);
      return;
    }
    const troubles: string[] = [];
    terminal.begin("restore the databases");
    const done = await restore(aws.stateOnce, folder, {
      unzstd,
      onTrouble: ({ message }) => troubles.push(message),
    });
    const restored = seconds();
    terminal.done("restore the databases", restored, `entry ${done.place.seq}`);
    if (done.files.length === 0) {
      throw new EverspotError(`${aws.state.url} has no database yet`, {
        hint: "the site writes it once it runs with [state]; `everspot data push` brings one",
      });
    }
    terminal.begin("ask SQLite");
    const asked = clock.now();
    const databases: Drilled[] = [];
    for (const name of done.files) {
      const file = path.join(folder, name);
      const { size } = await stat(file);
      databases.push({ name, size, ...(await examineOrRefuse(file, "", signal)) });
    }
    terminal.done("ask SQLite", (clock.now() - asked) / 1000, undefined);
    const uploads = await uploadsOfLog(aws, done);
    const failures = [
      ...troubles,
      ...databases.flatMap(({ name, problems }) => problems.map((text) => `${name}: ${text}`)),
      ...uploads.missing.map((name) => `the upload ${name} is not in the bucket`),
    ];
    terminal.json({
      ...{ command: "data drill", site: config.site, passed: failures.length === 0 },
      ...{ at: done.place.at, entry: done.place.seq, base: done.base, entries: done.entries },
      ...{ restored, seconds: seconds(), databases, uploads, failures },
    });
    for (const line of linesOf(done, databases, uploads)) terminal.print(line);
    if (failures.length === 0) return;
    throw new EverspotError("not all of it can be restored", {
      lines: failures,
      hint: troubles.length > 0 && failures.length === troubles.length ? FALLBACK : undefined,
    });
  } finally {
    await rm(folder, { recursive: true, force: true });
    aws.close();
  }
}

const FALLBACK =
  "the state itself was restored, from an earlier base; the next base of the site's own takes its place";

interface Drilled extends Examined {
  name: string;
  /** Bytes. */
  size: number;
}

/** By one look at what the bucket has: content is named by its hash, and checked when it is read. */
async function uploadsOfLog({ store }: Aws, { media }: Restored) {
  const there = media.size === 0 ? new Map<string, number>() : await uploadsInBucket(store);
  const keys = new Set(missingIn(there, media).map(([, sha256]) => mediaKey(sha256)));
  const missing = [...media].filter(([, { sha256 }]) => keys.has(mediaKey(sha256))).map(([name]) => name);
  const bytes = [...media.values()].reduce((sum, { size }) => sum + size, 0);
  return { files: media.size, bytes, missing };
}

function linesOf(
  { place }: Restored,
  databases: readonly Drilled[],
  uploads: { files: number; bytes: number; missing: readonly string[] },
): string[] {
  const lines = [`as of ${formatMoment(new Date(place.at))}, entry ${place.seq}`];
  for (const { name, size, problems, tables } of databases) {
    const counts = Object.entries(tables);
    const rows = counts.reduce((sum, [, count]) => sum + (count ?? 0), 0);
    const well = problems.length === 0 ? "ok" : problems[0];
    lines.push(
      `${name}: ${megabytes(size)}, integrity_check: ${well}, ${plural(rows, "row")} in ${plural(counts.length, "table")}`,
    );
    const wide = Math.max(0, ...counts.map(([table]) => table.length));
    for (const [table, count] of counts) {
      lines.push(`  ${table.padEnd(wide)}  ${count === null ? "?" : count.toLocaleString("en-US")}`);
    }
  }
  if (uploads.files > 0) {
    const all = uploads.missing.length === 0 ? "all there" : `${uploads.missing.length} not there`;
    lines.push(`${plural(uploads.files, "upload")}, ${megabytes(uploads.bytes)}: ${all}`);
  }
  return lines;
}
