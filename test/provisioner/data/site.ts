/** A site with state in the local AWS, and databases of this computer that are SQLite's own work. */
import { mkdtempSync, rmSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { systemClock } from "../../../agent/site/clock.ts";
import { restore } from "../../../agent/site/state/restore.ts";
import { changes } from "../../../agent/state/compare.ts";
import { type Aws, connect } from "../../../provisioner/aws/connect.ts";
import { withSources } from "../../../provisioner/data/bring.ts";
import { takeForOperator } from "../../../provisioner/data/writing.ts";
import { onePython } from "../../one-python.ts";
import { type Desk, MINIMAL, openDesk } from "../site.ts";

export const WITH_STATE = `${MINIMAL}[state]\ndatabase = "db.sqlite3"\nmedia = "media"\n`;

export interface StateDesk extends Desk {
  aws: Aws;
  /** A folder for the test's own files. */
  folder: string;
  file(name: string): string;
  /**
   * An instance of the site runs with this database for a while: what it writes is in the log then.
   * @param release one that is new: a mark is set before it.
   */
  serve(database: string, epoch: number, release?: string): Promise<void>;
}

export async function openStateDesk(toml = WITH_STATE): Promise<StateDesk> {
  // Nothing here waits for anything; time that passes at once would let a lock that is held beat all the time.
  const desk = await openDesk({ toml, clock: systemClock, cloud: { zones: ["us-east-1a"] } });
  const aws = await connect(desk.config);
  const folder = mkdtempSync(path.join(tmpdir(), "everspot-data-"));
  return {
    ...desk,
    aws,
    folder,
    file: (name) => path.join(folder, name),
    serve: (database, epoch, release) => ship(aws, database, epoch, release),
    close: async () => {
      aws.close();
      rmSync(folder, { recursive: true, force: true });
      await desk.close();
    },
  };
}

const python = onePython(`
import sqlite3
for file, statements in lines:
    db = sqlite3.connect(file)
    for statement in statements:
        rows = db.execute(statement).fetchall()
    db.commit()
    db.close()
    say(rows)`);

/** Runs SQL on a database, which is made if it is not there. @returns what the last statement gives. */
export const sql = (file: string, ...statements: string[]): Promise<unknown[][]> =>
  python([file, statements]) as Promise<unknown[][]>;

/** A table with so many notes. */
export const makeNotes = (file: string, count: number, ...more: string[]): Promise<unknown[][]> =>
  sql(
    file,
    "CREATE TABLE IF NOT EXISTS note (id INTEGER PRIMARY KEY, text TEXT)",
    `WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < ${count}) INSERT INTO note (text) SELECT hex(randomblob(100)) FROM n`,
    ...more,
  );

export const countNotes = async (file: string): Promise<number> =>
  Number((await sql(file, "SELECT count(*) FROM note"))[0]?.[0]);

/** As the shipper brings a database into the log that it cannot follow: by its pages. */
async function ship(
  { state: bucket }: Aws,
  database: string,
  epoch: number,
  release: string | undefined,
): Promise<void> {
  const folder = await mkdtemp(path.join(tmpdir(), "everspot-ship-"));
  const patience = { clock: { now: Date.now, sleep: async () => {} } };
  try {
    const had = await restore(bucket, folder);
    const log = await takeForOperator(bucket, { epoch, holder: `i-${epoch}` }, had.place, patience);
    if (release !== undefined) await log.append({ kind: "mark", name: `before ${release}` });
    await log.append({ kind: "open" });
    const there = had.files.includes("db.sqlite3") ? path.join(folder, "db.sqlite3") : undefined;
    await withSources([{ file: "db.sqlite3", path: database, page: 4096 }], async ([source]) => {
      for (const { frames, body } of source === undefined ? [] : changes(source, there)) {
        await log.append({ kind: "data", frames }, body);
      }
    });
  } finally {
    await rm(folder, { recursive: true });
  }
}
