import { stat } from "node:fs/promises";
import path from "node:path";
import { EverspotError } from "../../../agent/site/errors.ts";
import { restore } from "../../../agent/site/state/restore.ts";
import { connect } from "../../aws/connect.ts";
import type { SiteConfig } from "../../config/site-config.ts";
import { counted, megabytes, plural } from "../../data/counted.ts";
import { examine } from "../../data/sqlite.ts";
import { place, refuseWhatIsThere, targetsOf, withScratch } from "../../data/target.ts";
import { unzstd } from "../../data/unzstd.ts";
import { fetchUploads, type Uploads } from "../../data/uploads.ts";
import { formatMoment, parseMoment } from "../../operator/moment.ts";
import type { Tools } from "../../operator/tools.ts";

export interface PullOptions {
  /** The database's file here; of several, their folder. */
  file: string | undefined;
  /** The last moment that is wanted, as a person writes it. */
  to?: string | undefined;
  /** Where uploads go. */
  media?: string | undefined;
  /** Replaces a file that is there. */
  force: boolean;
  dryRun: boolean;
}

/**
 * `everspot data pull`: what the site has written, as an ordinary SQLite file and an ordinary folder, out of the bucket
 * alone. The log's chain is checked on the way, and SQLite asked in the end.
 */
export async function runDataPull(
  config: SiteConfig,
  tools: Pick<Tools, "terminal" | "clock" | "interrupted">,
  options: PullOptions,
): Promise<void> {
  const { terminal, clock } = tools;
  const until = options.to && parseMoment(options.to, new Date(clock.now())).toISOString();
  const aws = await connect(config, clock);
  const signal = tools.interrupted();
  const began = clock.now();
  const seconds = () => (clock.now() - began) / 1000;
  try {
    const names = config.state?.database ?? ["db.sqlite3"];
    const expected = [...targetsOf(options.file, names).values()];
    if (!options.force) await refuseWhatIsThere(expected);
    const beside = expected[0] ?? ".";
    await withScratch(beside, async (folder) => {
      const title = "read the databases";
      terminal.begin(title);
      const done = await restore(aws.stateOnce, folder, {
        ...(until && { until }),
        unzstd,
        onTrouble: (error) => terminal.warn(`${error.message}: going on from an earlier base`),
      });
      if (done.files.length === 0) {
        throw new EverspotError(`${aws.state.url} has no database of ${until ?? "this site"}`, {
          hint: "`everspot data` says what is there, and since when",
        });
      }
      const at = new Date(done.place.at);
      terminal.done(title, seconds(), `as of ${formatMoment(at)}, entry ${done.place.seq}`);
      const targets = targetsOf(options.file, done.files);
      if (!options.force) await refuseWhatIsThere(targets.values());
      const databases: Pulled[] = [];
      for (const [name, file] of targets) {
        const from = path.join(folder, name);
        const said = await examine(from, "", signal);
        if (said === undefined) {
          terminal.warn(
            "nothing here can ask SQLite (Python 3, or Node.js 22.16): the chain alone was checked",
          );
        }
        const { size } = await stat(from);
        if (!options.dryRun) await place(from, file);
        const rows = said && Object.values(said.tables).reduce<number>((sum, count) => sum + (count ?? 0), 0);
        databases.push({ name, file, size, rows, problems: said?.problems });
      }
      const uploads = await pullUploads(aws.store, done.media, options, tools, signal);
      terminal.json({
        ...{ command: "data pull", site: config.site, dryRun: options.dryRun },
        ...{ at: done.place.at, entry: done.place.seq, base: done.base, entries: done.entries },
        ...{ databases, media: uploads, seconds: seconds() },
      });
      for (const { file, size, rows, problems } of databases) {
        const said = rows === undefined ? "" : `, ${plural(rows, "row")}`;
        const well = problems === undefined ? "" : problems.length === 0 ? ", integrity_check: ok" : "";
        terminal.print(`${options.dryRun ? "would write " : ""}${file}: ${megabytes(size)}${said}${well}`);
      }
      if (uploads !== undefined) {
        const what = `${plural(uploads.files, "upload")}, ${megabytes(uploads.bytes)}`;
        terminal.print(`${options.dryRun ? "would write " : ""}${uploads.folder}: ${what}`);
      }
      refuseDamaged(databases);
    });
  } finally {
    aws.close();
  }
}

interface Pulled {
  name: string;
  file: string;
  size: number;
  /** In all its tables. */
  rows: number | undefined;
  /** What SQLite complains about; undefined when it could not be asked. */
  problems: string[] | undefined;
}

async function pullUploads(
  store: Parameters<typeof fetchUploads>[0],
  uploads: Uploads,
  { media, dryRun }: PullOptions,
  { terminal, clock }: Pick<Tools, "terminal" | "clock">,
  signal: AbortSignal,
) {
  const total = { files: uploads.size, bytes: [...uploads.values()].reduce((sum, one) => sum + one.size, 0) };
  if (media === undefined) {
    if (uploads.size > 0)
      terminal.say(`${plural(uploads.size, "upload")} stay where they are: --media FOLDER`);
    return undefined;
  }
  const folder = path.resolve(media);
  const began = clock.now();
  const title = `read ${plural(total.files, "upload")}`;
  if (dryRun) return { folder, ...total, fetched: 0 };
  terminal.begin(title);
  const onCount = counted((text) => terminal.say(text), clock, total);
  const { fetched } = await fetchUploads(store, folder, uploads, onCount, signal);
  const had = total.files - fetched;
  const detail = `${megabytes(total.bytes)}${had === 0 ? "" : `, ${had} were there`}`;
  terminal.done(title, (clock.now() - began) / 1000, detail);
  return { folder, ...total, fetched };
}

function refuseDamaged(databases: readonly Pulled[]): void {
  const bad = databases.find(({ problems }) => problems !== undefined && problems.length > 0);
  if (bad === undefined) return;
  throw new EverspotError(`SQLite finds ${bad.name} damaged, although it is what the log says`, {
    resource: bad.file,
    lines: bad.problems,
    hint: "an earlier moment may be whole: `everspot data pull --to …`; `sqlite3 FILE .recover` saves what can be read",
  });
}
