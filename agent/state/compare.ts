import { closeSync, fstatSync, openSync, readSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import path from "node:path";
import type { StateBucket } from "../site/state/bucket.ts";
import type { Frames } from "../site/state/entry.ts";
import { frame } from "../site/state/frames.ts";
import { restore } from "../site/state/restore.ts";
import { COMPARED } from "./position.ts";

/** Bytes of pages in one entry. */
const LARGEST = 2 << 20;
const BLOCK = 1 << 20;

/** A database that does not change, and what the log has of it. */
export interface Compared {
  file: string;
  /** Its file's, open for reading; it is not closed here (see database.ts). */
  descriptor: number;
  /** Bytes. */
  page: number;
}

/**
 * What a database has that the log has not, as entries that bring the log to it: after a shipper starts again it may
 * have been written, and its write-ahead log reset. Nothing may be acknowledged before they are in the log.
 * @param last the log's last entry. @param scratch a folder with room for the database once more.
 */
export async function* difference(
  bucket: StateBucket,
  last: number,
  compared: Compared,
  scratch: string,
): AsyncGenerator<{ frames: Frames; body: Buffer }> {
  const folder = await mkdtemp(path.join(scratch, "compare-"));
  try {
    const files: string[] = last === 0 ? [] : (await restore(bucket, folder, { last })).files;
    yield* changes(compared, files.includes(compared.file) ? path.join(folder, compared.file) : undefined);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

/** The same against a file of what the log has; undefined: it has none. */
export const changes = ({ file, descriptor, page }: Compared, there: string | undefined) =>
  asEntries(file, page, changedPages(descriptor, there, page));

/** The last frame says how many pages there are. */
function* asEntries(
  file: string,
  page: number,
  pages: Iterable<{ number: number; content: Buffer; of: number }>,
): Generator<{ frames: Frames; body: Buffer }> {
  let waiting: Buffer[] = [];
  let held: { number: number; content: Buffer; of: number } | undefined;
  let from = 0;
  const entry = (unfinished: boolean) => {
    const to = from + waiting.length;
    const frames: Frames = { file, page, salt: COMPARED, from, to, ...(unfinished && { unfinished: true }) };
    const body = Buffer.concat(waiting);
    waiting = [];
    from = to;
    return { frames, body };
  };
  for (const one of pages) {
    if (held !== undefined) waiting.push(frame(held.number, held.content, 0));
    held = one;
    if (waiting.length * page >= LARGEST) yield entry(true);
  }
  if (held === undefined) return;
  waiting.push(frame(held.number, held.content, held.of));
  yield entry(false);
}

/** Pages that differ; if only the size does, the last page. */
function* changedPages(
  now: number,
  there: string | undefined,
  page: number,
): Generator<{ number: number; content: Buffer; of: number }> {
  const before = there === undefined ? undefined : openSync(there, "r");
  try {
    const of = Math.floor(fstatSync(now).size / page);
    const had = before === undefined ? 0 : Math.floor(fstatSync(before).size / page);
    const most = BLOCK / page < 1 ? 1 : Math.floor(BLOCK / page);
    let any = false;
    for (let first = 0; first < of; first += most) {
      const mine = read(now, first * page, most * page);
      const theirs = before === undefined ? Buffer.alloc(0) : read(before, first * page, most * page);
      if (mine.equals(theirs)) continue;
      for (let i = 0; (i + 1) * page <= mine.length; i++) {
        const content = mine.subarray(i * page, (i + 1) * page);
        if (content.equals(theirs.subarray(i * page, (i + 1) * page))) continue;
        any = true;
        yield { number: first + i + 1, content: Buffer.from(content), of };
      }
    }
    if (!any && of !== had && of > 0) yield { number: of, content: read(now, (of - 1) * page, page), of };
  } finally {
    if (before !== undefined) closeSync(before);
  }
}

function read(descriptor: number, from: number, length: number): Buffer {
  const bytes = Buffer.allocUnsafe(length);
  return bytes.subarray(0, readSync(descriptor, bytes, 0, length, from));
}
