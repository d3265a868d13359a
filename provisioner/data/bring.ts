/** Brings a database and uploads of this computer into the log, so that from then on they are the site's state. */
import { open } from "node:fs/promises";
import path from "node:path";
import { EverspotError } from "../../agent/site/errors.ts";
import type { StateBucket } from "../../agent/site/state/bucket.ts";
import type { Upload } from "../../agent/site/state/entry.ts";
import { CHUNK_PREFIX } from "../../agent/site/state/keys.ts";
import { type BaseSource, publishBase, writeChunks } from "../../agent/state/base-writer.ts";
import { changes } from "../../agent/state/compare.ts";
import type { LogWriter, Written } from "../../agent/state/log/log-writer.ts";
import type { Patience } from "../../agent/state/log/settle.ts";
import { had } from "./had.ts";
import { digest, type Uploads } from "./uploads.ts";

/** A database on this computer's disk that does not change. */
export interface Wanted {
  /** Its name in the log. */
  file: string;
  path: string;
  /** Bytes. */
  page: number;
}

/** Names in one entry: its header has at most 1 MB. */
const NAMES = 500;
/** Milliseconds for which an owner that cleans up leaves a chunk alone that no base names; half of it. */
const FRESH = 12 * 3_600_000;

/** The databases open for reading, as long as `work` goes on. */
export async function withSources<T>(
  wanted: readonly Wanted[],
  work: (sources: BaseSource[]) => Promise<T>,
): Promise<T> {
  const sources: BaseSource[] = [];
  const handles: { close(): Promise<void> }[] = [];
  try {
    for (const one of wanted) {
      const handle = await open(one.path);
      handles.push(handle);
      sources.push({ ...one, descriptor: handle.fd });
    }
    return await work(sources);
  } finally {
    for (const handle of handles) await handle.close();
  }
}

/** Bytes of chunks that are under way: this computer has more memory than an instance. */
const MOST_BYTES = 8 << 20;

/**
 * Brings the content of a database into the bucket, ahead of the log. Called again, it goes on where it was.
 * @returns chunks that are there and will stay.
 */
export async function sendChunks(
  bucket: StateBucket,
  wanted: Wanted,
  patience: Patience,
): Promise<Set<string>> {
  const { objects, date } = await bucket.list(CHUNK_PREFIX);
  const fresh = objects.filter(({ modified }) => Date.parse(date) - modified.getTime() < FRESH);
  const known = new Set(fresh.map(({ key }) => key.slice(CHUNK_PREFIX.length)));
  await withSources([wanted], async ([source]) => {
    if (source !== undefined) await writeChunks(bucket, source, known, patience, MOST_BYTES);
  });
  return known;
}

/** What is to be the site's from now on. Other databases of the site, and uploads of other names, stay as they are. */
export interface Brought {
  database: Wanted;
  uploads: Uploads;
  /** Chunks that are in the bucket, from `sendChunks`. */
  known: ReadonlySet<string>;
}

/**
 * Writes to the log, as its owner, what brings its state to what is wanted, a base of it, and, once it was read back out
 * of the bucket and is the same, that the site is open.
 * @param folder for what is read meanwhile.
 * @returns how many entries that took, and the last one.
 */
export async function bringIn(
  bucket: StateBucket,
  log: LogWriter,
  { database, uploads, known }: Brought,
  folder: string,
  patience: Patience,
): Promise<{ entries: number; entry: number }> {
  const now = await had(bucket, path.join(folder, "now"), { last: log.place.seq });
  let entries = 0;
  const append = async (written: Written, body?: Buffer) => {
    const { late } = await log.append(written, body);
    // An epoch is one process's alone.
    if (late !== undefined) throw new Error("another process wrote with this epoch");
    entries++;
  };
  const others = now.files.filter((file) => file !== database.file);
  const wanted = [database, ...(await Promise.all(others.map((file) => restored(now.folder, file))))];
  await withSources(wanted, async (sources) => {
    const [source] = sources;
    const there = now.files.includes(database.file) ? path.join(now.folder, database.file) : undefined;
    for (const { frames, body } of source === undefined ? [] : changes(source, there)) {
      await append({ kind: "data", frames }, body);
    }
    const changed: Upload[] = [...uploads]
      .filter(([name, { sha256 }]) => now.media.get(name)?.sha256 !== sha256)
      .map(([name, one]) => ({ name, ...one }));
    for (let from = 0; from < changed.length; from += NAMES) {
      await append({ kind: "data", media: changed.slice(from, from + NAMES) });
    }
    if (entries === 0) return;
    await publishBase(bucket, log.place, sources, new Map([...now.media, ...uploads]), known, patience);
  });
  await readBack(bucket, path.join(folder, "back"), log.place.seq, database);
  await append({ kind: "open" });
  return { entries, entry: log.place.seq };
}

/** A database as it was restored. The header says its page size (https://www.sqlite.org/fileformat2.html, 1.3.2). */
async function restored(folder: string, file: string): Promise<Wanted> {
  const at = path.join(folder, file);
  const handle = await open(at);
  const { buffer } = await handle.read(Buffer.alloc(2), 0, 2, 16).finally(() => handle.close());
  const page = buffer.readUInt16BE(0);
  return { file, path: at, page: page === 1 ? 65_536 : page };
}

/** @throws EverspotError when what is in the bucket is not what was brought in. */
async function readBack(bucket: StateBucket, folder: string, last: number, { file, path: own }: Wanted) {
  const { files } = await had(bucket, folder, { last });
  const same =
    files.includes(file) && (await digest(path.join(folder, file))).sha256 === (await digest(own)).sha256;
  if (same) return;
  throw new EverspotError(`${file} is not in the bucket as it is here`, {
    resource: `${bucket.url}/state/`,
    hint: "run the command again",
  });
}
