import path from "node:path";
import { EverspotError } from "../errors.ts";
import { type Base, decodeBase, withUploads } from "./base.ts";
import type { StateBucket } from "./bucket.ts";
import type { Unzstd } from "./chunks.ts";
import { bodyOf, chain, decodeEntry } from "./entry.ts";
import { Damaged } from "./errors.ts";
import { BASE_PREFIX, baseKey, logKey, seqOf } from "./keys.ts";
import { BEGINNING, type Place } from "./place.ts";
import { readChunks } from "./read-chunks.ts";
import { type ReadOptions, readLog, type Seen } from "./read-log.ts";
import { RestoredFiles } from "./restored-files.ts";
import { Trials } from "./trials.ts";

export interface RestoreOptions extends Pick<ReadOptions, "last" | "onGap"> {
  /** The last moment that is wanted, ISO 8601. */
  until?: string | undefined;
  onEntry?: (seen: Seen) => void;
  /** Called for a base that does not count. */
  onTrouble?: (error: Error) => void;
  /** A folder with databases that may be much the same, by the same paths: what is in them is not read from the bucket. */
  like?: string | undefined;
  /** Reads a chunk's Zstandard where Node.js cannot. */
  unzstd?: Unzstd | undefined;
}

export interface Restored {
  place: Place;
  /** Undefined: the log was read from its beginning. */
  base: number | undefined;
  /** How many of the log came after the base. */
  entries: number;
  /** Databases there are, by their paths in the folder. */
  files: string[];
  media: Map<string, { sha256: string; size: number }>;
  /** What was taken back, as far as it was read. */
  gone: readonly Gone[];
}

/** Entries that a later owner took back: after `from`, up to `to`. */
export interface Gone {
  from: number;
  to: number;
}

/**
 * Brings the databases of a site into a folder, out of its bucket alone: the newest base that counts, and what the log
 * says after it. An older base is taken when the newest one is damaged, or was taken back. What a transaction has
 * written before its end is left out. Of a moment at which a release was tried it is what visitors were answered: what was
 * there before. Files that were there are replaced; nothing may have them open.
 * @throws EverspotError when the bucket does not have what is needed.
 */
export async function restore(
  bucket: StateBucket,
  folder: string,
  options: RestoreOptions = {},
): Promise<Restored> {
  const { until, ...always } = options;
  if (until === undefined) return restoreAll(bucket, folder, always);
  const trials = new Trials();
  const onEntry = (seen: Seen) => {
    if (seen.counts) trials.saw(seen.seq, seen.entry.header);
    options.onEntry?.(seen);
  };
  const done = await restoreAll(bucket, folder, { ...options, onEntry });
  const { tried } = trials;
  return tried === undefined ? done : restoreAll(bucket, folder, { ...always, last: tried.mark });
}

async function restoreAll(bucket: StateBucket, folder: string, options: RestoreOptions): Promise<Restored> {
  const listed = (await bucket.list(BASE_PREFIX)).objects
    .map((object) => seqOf(object.key))
    .filter((seq): seq is number => seq !== undefined && seq <= (options.last ?? seq));
  const bases: (number | undefined)[] = [...listed.toReversed(), undefined];
  const newest = listed.at(-1) ?? 0;
  let gone: Gone[] = [];
  let trouble: Error | undefined;
  for (const seq of bases) {
    if (seq !== undefined && isGone(gone, seq)) continue;
    let again = true;
    while (again) {
      again = false;
      try {
        const done = await restoreFrom(bucket, folder, seq, { ...options, gone, newest });
        if (done !== undefined) return done;
      } catch (error) {
        if (error instanceof TakenBack) {
          const { from, to } = error.gone;
          // A rewind that is taken back itself takes nothing back.
          gone = [...gone.filter((g) => g.to <= from), { from, to }];
          again = seq === undefined || seq <= from;
        } else if (error instanceof Damaged) {
          trouble ??= error;
          options.onTrouble?.(error);
        } else {
          throw error;
        }
      }
    }
  }
  throw (
    trouble ??
    new EverspotError(`${bucket.url} has no state of that time`, {
      hint: "choose a later moment; `everspot data` says how far back it goes",
    })
  );
}

/** The rewind itself lies at the end of what it takes back. */
const isGone = (gone: readonly Gone[], seq: number): boolean => gone.some((g) => seq > g.from && seq <= g.to);

class TakenBack extends Error {
  readonly gone: Gone;
  constructor(gone: Gone) {
    super("taken back");
    this.gone = gone;
  }
}

/** Undefined when the base is later than what is wanted, or the log does not go back so far. */
async function restoreFrom(
  bucket: StateBucket,
  folder: string,
  seq: number | undefined,
  options: RestoreOptions & { gone: readonly Gone[]; newest: number },
): Promise<Restored | undefined> {
  const { gone, newest } = options;
  const base = seq === undefined ? undefined : await readBase(bucket, seq);
  if (base !== undefined && options.until !== undefined && base.at > options.until) return undefined;
  const files = new RestoredFiles(folder, async (part) => {
    const resource = `${bucket.url}/${logKey(part)}`;
    const bytes = await bucket.get(logKey(part));
    if (bytes === undefined) throw new Damaged(resource, "is gone");
    return bodyOf(decodeEntry(bytes, resource), resource);
  });
  // The first entries are on their way meanwhile.
  const based = (async () => {
    for (const file of base?.files ?? []) {
      const like = options.like === undefined ? undefined : path.join(options.like, file.file);
      await readChunks(bucket, file, await files.fresh(file.file), like, options.unzstd);
    }
  })();
  based.catch(() => undefined);
  try {
    let media = new Map((base?.media ?? []).map(({ name, sha256, size }) => [name, { sha256, size }]));
    let entries = 0;
    let late = false;
    const start =
      base === undefined ? BEGINNING : { seq: base.seq, hash: base.hash, epoch: base.epoch, at: base.at };
    /** Before the entry at which reading stopped. */
    let reached: Place = start;
    const onEntry = async (seen: Seen): Promise<undefined | "stop"> => {
      await based;
      const { header } = seen.entry;
      if (options.until !== undefined && header.at > options.until) {
        late = true;
        return "stop";
      }
      reached = seen.place;
      options.onEntry?.(seen);
      entries++;
      if (!seen.counts || isGone(gone, seen.seq)) return undefined;
      if (header.kind === "rewind") throw new TakenBack({ from: header.to, to: seen.seq });
      if (header.kind !== "data") return undefined;
      if (header.frames !== undefined) {
        await files.apply(header.frames, seen.seq, () => bodyOf(seen.entry, seen.resource));
      }
      if (header.media !== undefined) media = withUploads(media, header.media);
      return undefined;
    };
    // Once there are bases, the beginning of the log may have been deleted; that is no gap to be filled.
    const onGap = async (gap: number) => {
      await based;
      return base === undefined && gap <= newest ? undefined : options.onGap?.(gap);
    };
    const place = await readLog(bucket, start, { last: options.last, onGap, onEntry, some: true });
    await based;
    if (base === undefined && !late && place.seq < newest) {
      if (options.until !== undefined) return undefined;
      throw lost(bucket);
    }
    if (base === undefined && place.seq === 0 && gone.length === 0 && options.last === undefined) {
      const { objects } = await bucket.list("state/log/");
      if (objects.length > 0 && !late) throw lost(bucket);
    }
    return {
      place: late ? reached : place,
      base: base?.seq,
      entries,
      files: await files.close(),
      media,
      gone,
    };
  } finally {
    await based.catch(() => undefined);
    await files.abandon();
  }
}

const lost = ({ url }: StateBucket): Damaged =>
  new Damaged(`${url}/state/log/`, "has lost its first entries");

/** @throws Damaged when it is not the base of the entry it names. */
async function readBase(bucket: StateBucket, seq: number): Promise<Base> {
  const [bytes, last] = await Promise.all([
    bucket.get(baseKey(seq)),
    seq === 0 ? undefined : bucket.get(logKey(seq)),
  ]);
  const resource = `${bucket.url}/${baseKey(seq)}`;
  if (bytes === undefined) throw new Damaged(resource, "is gone");
  const base = decodeBase(bytes, seq, resource);
  if (seq === 0) return base;
  if (last === undefined) throw new Damaged(`${bucket.url}/${logKey(seq)}`, "is gone");
  const { header } = decodeEntry(last, `${bucket.url}/${logKey(seq)}`);
  const prev = "prev" in header ? header.prev : undefined;
  if (prev === undefined || chain(prev, last) !== base.hash)
    throw new Damaged(resource, "is not of its entry");
  return base;
}
