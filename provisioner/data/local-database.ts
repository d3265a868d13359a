import { open, stat } from "node:fs/promises";
import { EverspotError, messageOf } from "../../agent/site/errors.ts";
import { type Examined, examineOrRefuse } from "./sqlite.ts";

/** https://www.sqlite.org/fileformat2.html#the_database_header */
const MAGIC = "SQLite format 3\0";
const HEADER = 100;

/**
 * Copies a database of this computer as of one moment, whoever writes to it meanwhile, and looks whether it can
 * be kept. Any page size and journal mode of the original will do: the copy has all that was committed.
 * @throws EverspotError for what is not SQLite, encrypted, or damaged.
 */
export async function copyDatabase(file: string, copy: string, signal: AbortSignal): Promise<Examined> {
  const head = await headOf(file);
  const refuse = (what: string, hint: string) =>
    new EverspotError(`${file} ${what}`, { resource: file, hint });
  if (head.length === 0) throw refuse("is empty", "name the database that the project uses");
  if (head.toString("latin1", 0, 16) !== MAGIC) {
    throw refuse(
      "is not an SQLite database, or it is encrypted",
      "an encrypted one cannot be kept; convert any other database to SQLite, e.g. with Django's dumpdata and loaddata",
    );
  }
  // Extensions that encrypt or sign pages keep some bytes of each for themselves.
  if ((head[20] ?? 0) !== 0) {
    throw refuse(
      `keeps ${head[20]} bytes of each page for an extension (encryption, or checksums), which no instance has`,
      "make a plain copy of it: VACUUM INTO, in a program without that extension",
    );
  }
  const found = await examineOrRefuse(file, copy, signal);
  if (found.problems.length === 0) return found;
  throw new EverspotError(`${file} is damaged`, {
    resource: file,
    lines: found.problems,
    hint: "repair it first: `sqlite3 FILE .recover | sqlite3 NEW` saves what can be read",
  });
}

async function headOf(file: string): Promise<Buffer> {
  try {
    if ((await stat(file)).isDirectory()) throw new Error("it is a folder");
    const handle = await open(file);
    const { buffer, bytesRead } = await handle.read(Buffer.alloc(HEADER), 0, HEADER, 0);
    await handle.close();
    return buffer.subarray(0, bytesRead);
  } catch (cause) {
    throw new EverspotError(`${file} cannot be read: ${messageOf(cause)}`, {
      resource: file,
      hint: "name the database that the project uses: `everspot data push FILE`",
      exitCode: 2,
      cause,
    });
  }
}

/**
 * A database that has seen migrations which the site's has not is of newer code than what serves.
 * @throws EverspotError
 */
export function refuseNewer(file: string, its: readonly string[], sites: readonly string[]): void {
  const newer = its.filter((name) => !sites.includes(name));
  if (sites.length === 0 || newer.length === 0) return;
  throw new EverspotError(
    `${file} comes from newer code than the site runs: it has migrations that the site's does not`,
    {
      resource: file,
      lines: newer,
      hint: "deploy the release with these migrations first, or go on with --force",
    },
  );
}
