import { stat } from "node:fs/promises";
import { setPriority } from "node:os";
import path from "node:path";
import { DatabaseSync } from "node:sqlite";
import { messageOf } from "../../site/errors.ts";
import type { StateBucket } from "../../site/state/bucket.ts";
import type { Drilled } from "../../site/state/drilled.ts";
import { restore } from "../../site/state/restore.ts";

/** Visitors come first. */
const NICE = 19;
const MOST_PROBLEMS = 5;

/**
 * Proof that what is in the bucket can be restored: brings it into a folder, has SQLite look through each database, and
 * counts the rows. Uploads are not looked for: whoever fetches one checks it.
 */
export async function drill(
  bucket: StateBucket,
  folder: string,
): Promise<Pick<Drilled, "entry" | "as" | "seconds" | "failures" | "databases">> {
  setPriority(NICE);
  const begun = performance.now();
  const failures: string[] = [];
  const done = await restore(bucket, folder, { onTrouble: ({ message }) => failures.push(message) });
  const databases: Drilled["databases"] = [];
  for (const name of done.files) {
    const file = path.join(folder, name);
    const { size } = await stat(file);
    const { problems, rows } = look(file);
    failures.push(...problems.map((problem) => `${name}: ${problem}`));
    databases.push({ name, size, rows });
  }
  const seconds = Math.round((performance.now() - begun) / 100) / 10;
  return { entry: done.place.seq, as: done.place.at, seconds, failures, databases };
}

function look(file: string): { problems: string[]; rows: number } {
  const database = new DatabaseSync(file, { readOnly: true });
  try {
    const all = (sql: string) =>
      database
        .prepare(sql)
        .all()
        .map((row) => String(Object.values(row)[0]));
    const problems = all(`PRAGMA integrity_check(${MOST_PROBLEMS})`).filter((text) => text !== "ok");
    const tables = all(
      "SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite\\_%' ESCAPE '\\'",
    );
    const rows = tables.reduce((sum, name) => sum + countOf(database, name), 0);
    return { problems, rows };
  } catch (error) {
    return { problems: [messageOf(error)], rows: 0 };
  } finally {
    database.close();
  }
}

/** Rows of a table; a table whose module is not here counts none. */
function countOf(database: DatabaseSync, table: string): number {
  try {
    const row = database.prepare(`SELECT count(*) AS n FROM "${table.replaceAll('"', '""')}"`).get();
    return Number(row?.n ?? 0);
  } catch {
    return 0;
  }
}
