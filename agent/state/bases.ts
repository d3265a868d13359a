import { EverspotError } from "../site/errors.ts";
import { type Base, decodeBase } from "../site/state/base.ts";
import type { StateBucket } from "../site/state/bucket.ts";
import { decodeEntry } from "../site/state/entry.ts";
import {
  BASE_PREFIX,
  baseKey,
  CHUNK_PREFIX,
  chunkKey,
  LOG_PREFIX,
  logKey,
  seqOf,
} from "../site/state/keys.ts";
import type { Place } from "../site/state/place.ts";
import { type BaseSource, publishBase } from "./base-writer.ts";
import { rubbish } from "./clean.ts";
import type { Patience } from "./log/settle.ts";

/** A base is due after so many entries, or milliseconds of change, or this part of the state rewritten. */
const ENTRIES = 1_000;
const AGE = 3_600_000;
const PART = 0.25;
/** Bytes below which a part of the state is not worth a base. */
const LEAST = 4 << 20;

/** Bytes. It has nothing but its header, whose one text is an instance's name; what is larger need not be read. */
const LARGEST_FENCE = 2_048;

/** What was written since the last base. */
export interface SinceBase {
  entries: number;
  bytes: number;
  /** Milliseconds of the clock at the first entry. */
  first: number | undefined;
}

export const baseIsDue = (since: SinceBase, size: number, now: number): boolean =>
  since.entries >= ENTRIES ||
  (since.first !== undefined && now - since.first >= AGE) ||
  since.bytes >= Math.max(LEAST, size * PART);

/** The bases of the bucket, as their only writer knows them: publishing, and deleting what they make needless. */
export class Bases {
  readonly #bucket: StateBucket;
  readonly #patience: Patience;
  #bases: Base[] | undefined;
  /** Numbers known to have a fence, which stay forever. */
  readonly #fences = new Set<number>();

  constructor(bucket: StateBucket, patience: Patience) {
    this.#bucket = bucket;
    this.#patience = patience;
  }

  /** @throws EverspotError; then there is no new base. */
  async publish(
    at: Place,
    sources: readonly BaseSource[],
    media: ReadonlyMap<string, { sha256: string; size: number }>,
  ): Promise<Base> {
    const bases = await this.#all();
    const known = new Set(bases.slice(-2).flatMap((base) => base.files.flatMap((file) => file.chunks)));
    const base = await publishBase(this.#bucket, at, sources, media, known, this.#patience);
    this.#bases = [...bases, base];
    return base;
  }

  /** Deletes what is needed no more. @param history milliseconds. @returns how many objects went. */
  async clean(history: number): Promise<number> {
    const bases = await this.#all();
    const oldest = bases.at(-2)?.seq;
    if (oldest === undefined) return 0;
    const entries: { seq: number; fence: boolean }[] = [];
    for (const { key, size } of (await this.#bucket.list(LOG_PREFIX)).objects) {
      const seq = seqOf(key);
      if (seq === undefined || seq >= oldest) break;
      if (this.#fences.has(seq)) continue;
      entries.push({ seq, fence: size <= LARGEST_FENCE && (await this.#isFence(seq)) });
    }
    const chunks = (await this.#bucket.list(CHUNK_PREFIX)).objects.map(({ key, modified }) => ({
      sha256: key.slice(CHUNK_PREFIX.length),
      modified: modified.getTime(),
    }));
    const stock = bases.map((base) => ({
      seq: base.seq,
      at: Date.parse(base.at),
      chunks: base.files.flatMap((file) => file.chunks),
      counts: true,
    }));
    const gone = rubbish({ bases: stock, entries, chunks }, this.#patience.clock.now(), history);
    // A base goes before what it is made of, so that none is ever left without it.
    await this.#bucket.remove(gone.bases.map(baseKey));
    await this.#bucket.remove([...gone.entries.map(logKey), ...gone.chunks.map(chunkKey)]);
    this.#bases = bases.filter((base) => !gone.bases.includes(base.seq));
    return gone.bases.length + gone.entries.length + gone.chunks.length;
  }

  async #isFence(seq: number): Promise<boolean> {
    const bytes = await this.#bucket.get(logKey(seq));
    const fence =
      bytes === undefined || decodeEntry(bytes, `${this.#bucket.url}/${logKey(seq)}`).header.kind === "fence";
    if (fence) this.#fences.add(seq);
    return fence;
  }

  async #all(): Promise<Base[]> {
    if (this.#bases !== undefined) return this.#bases;
    const bases: Base[] = [];
    for (const { key } of (await this.#bucket.list(BASE_PREFIX)).objects) {
      const seq = seqOf(key);
      const bytes = seq === undefined ? undefined : await this.#bucket.get(key);
      if (seq === undefined || bytes === undefined) continue;
      try {
        bases.push(decodeBase(bytes, seq, `${this.#bucket.url}/${key}`));
      } catch (error) {
        // A damaged base is none; it stays, for whoever wants to look at it.
        if (!(error instanceof EverspotError)) throw error;
      }
    }
    this.#bases = bases;
    return bases;
  }
}
