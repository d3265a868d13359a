/** Going back to an earlier moment: which entry that is, what it drops, and the rewind itself. */
import { EverspotError } from "../../agent/site/errors.ts";
import { decodeBase } from "../../agent/site/state/base.ts";
import type { StateBucket } from "../../agent/site/state/bucket.ts";
import { BASE_PREFIX, baseKey, seqOf } from "../../agent/site/state/keys.ts";
import { BEGINNING, type Place } from "../../agent/site/state/place.ts";
import { readLog } from "../../agent/site/state/read-log.ts";
import type { LogWriter } from "../../agent/state/log/log-writer.ts";

/** What lies after an entry. Times are ISO 8601. */
export interface Dropped {
  /** How far the log went. */
  end: Place;
  writes: number;
  first: string | undefined;
  newest: string | undefined;
  uploads: number;
  /** Rewinds among it: they are taken back, too. */
  rewinds: number;
}

/** What of the log a rewind to a place would drop. */
export async function droppedAfter(bucket: StateBucket, from: Place): Promise<Dropped> {
  const found: Omit<Dropped, "end"> = {
    writes: 0,
    first: undefined,
    newest: undefined,
    uploads: 0,
    rewinds: 0,
  };
  const end = await readLog(bucket, from, {
    onEntry: ({ entry: { header }, counts }) => {
      if (!counts) return undefined;
      if (header.kind === "rewind") found.rewinds++;
      if (header.kind !== "data") return undefined;
      found.writes++;
      found.uploads += header.media?.length ?? 0;
      found.first ??= header.at;
      found.newest = header.at;
      return undefined;
    },
  });
  return { ...found, end };
}

/**
 * The newest mark that names a release: it was set before that release changed the database for the first time.
 * @returns the mark's entry. @throws EverspotError when the history has none.
 */
export async function markBefore(bucket: StateBucket, release: string): Promise<number> {
  const { objects } = await bucket.list(BASE_PREFIX);
  const oldest = objects.flatMap(({ key }) => seqOf(key) ?? [])[0];
  const bytes = oldest === undefined ? undefined : await bucket.get(baseKey(oldest));
  const base = bytes && decodeBase(bytes, oldest as number, `${bucket.url}/${baseKey(oldest as number)}`);
  const from: Place = base ?? BEGINNING;
  let mark: number | undefined;
  const marks = new Set<string>();
  await readLog(bucket, from, {
    onEntry: ({ seq, entry: { header }, counts }) => {
      if (!counts || header.kind !== "mark") return undefined;
      marks.add(header.name);
      if (header.name.split(/\s+/).includes(release)) mark = seq;
      return undefined;
    },
  });
  if (mark !== undefined) return mark;
  throw new EverspotError(`the history has no mark of ${release}`, {
    hint: "`everspot releases` lists releases, `everspot history` when each was deployed: go back with --to TIME",
    lines: [...marks].map((name) => `there is: ${name}`),
  });
}

/**
 * Takes back all after an entry, as the log's owner, and says that the site is open: an owner that had sealed it must
 * not go on from what it has.
 * @returns the rewind's number, and the last entry.
 */
export async function rewindTo(log: LogWriter, to: number): Promise<{ rewind: number; entry: number }> {
  const { seq: rewind } = await log.append({ kind: "rewind", to });
  const { seq: entry } = await log.append({ kind: "open" });
  return { rewind, entry };
}
