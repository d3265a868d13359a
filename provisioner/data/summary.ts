/** What there is of a site's state in its bucket, without restoring it. */
import { decodeBase, withUploads } from "../../agent/site/state/base.ts";
import type { StateBucket } from "../../agent/site/state/bucket.ts";
import type { Kind } from "../../agent/site/state/entry.ts";
import {
  BASE_PREFIX,
  baseKey,
  CHUNK_PREFIX,
  LOG_PREFIX,
  MEDIA_PREFIX,
  seqOf,
} from "../../agent/site/state/keys.ts";
import { BEGINNING } from "../../agent/site/state/place.ts";
import { readLog } from "../../agent/site/state/read-log.ts";

/** Times are ISO 8601, sizes bytes. */
export interface Summary {
  /** The last entry of the log; 0: there is none. */
  entry: number;
  epoch: number;
  /** When the last write was shipped; undefined: nothing was ever written. */
  lastWrite: string | undefined;
  /** Whether its owner answers visitors, has sealed it, or has neither opened it yet. */
  state: "open" | "sealed" | "claimed" | undefined;
  /** As of the newest base. */
  databases: { name: string; size: number }[];
  media: { files: number; bytes: number };
  /** What can be gone back to. */
  history: { since: string; bases: number } | undefined;
  /** Entries since the newest base. */
  sinceBase: number;
  /** What lies in the bucket. */
  stored: { log: number; chunks: number; media: number };
  /** Entries a day, on the average of the history. */
  entriesPerDay: number;
}

const DAY = 86_400_000;

/** @throws EverspotError */
export async function summarize(bucket: StateBucket): Promise<Summary> {
  const bases = (await bucket.list(BASE_PREFIX)).objects.flatMap(({ key }) => seqOf(key) ?? []);
  const [oldest, newest] = await Promise.all([bases[0], bases.at(-1)].map((seq) => readBase(bucket, seq)));
  let media = new Map((newest?.media ?? []).map(({ name, ...one }) => [name, one]));
  let lastWrite = newest?.at;
  let first: string | undefined;
  let state: Summary["state"] = newest === undefined ? undefined : "open";
  let sinceBase = 0;
  const place = await readLog(bucket, newest ?? BEGINNING, {
    onEntry: ({ entry: { header }, counts }) => {
      if (!counts) return undefined;
      sinceBase++;
      first ??= header.at;
      state = STATES[header.kind] ?? state;
      if (header.kind !== "data") return undefined;
      lastWrite = header.at;
      media = withUploads(media, header.media ?? []);
      return undefined;
    },
  });
  const since = oldest?.at ?? first;
  const [log, chunks, uploads] = await Promise.all([
    weigh(bucket, LOG_PREFIX),
    weigh(bucket, CHUNK_PREFIX),
    weigh(bucket, MEDIA_PREFIX),
  ]);
  const days = since === undefined ? 0 : (Date.parse(place.at) - Date.parse(since)) / DAY;
  return {
    ...{ entry: place.seq, epoch: place.epoch, lastWrite, state, sinceBase },
    databases: (newest?.files ?? []).map(({ file, size }) => ({ name: file, size })),
    media: { files: media.size, bytes: [...media.values()].reduce((sum, { size }) => sum + size, 0) },
    history: since === undefined ? undefined : { since, bases: bases.length },
    stored: { log, chunks, media: uploads },
    entriesPerDay: days < 1 / 24 ? 0 : (place.seq - (oldest?.seq ?? 0)) / days,
  };
}

const STATES: Partial<Record<Kind, Summary["state"]>> = { open: "open", seal: "sealed", fence: "claimed" };

async function readBase(bucket: StateBucket, seq: number | undefined) {
  const bytes = seq === undefined ? undefined : await bucket.get(baseKey(seq));
  return bytes && decodeBase(bytes, seq as number, `${bucket.url}/${baseKey(seq as number)}`);
}

const weigh = async (bucket: StateBucket, prefix: string): Promise<number> =>
  (await bucket.list(prefix)).objects.reduce((sum, { size }) => sum + size, 0);
