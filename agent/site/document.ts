import { randomUUID } from "node:crypto";
import * as z from "zod/mini";
import { type Clock, systemClock } from "./clock.ts";
import { EverspotError } from "./errors.ts";
import { parseJson } from "./read-json.ts";
import { ConditionFailed, type ObjectStore, WriteConflict } from "./store.ts";

/**
 * A JSON document that is only ever written by compare-and-swap (DESIGN §4). Its schema has a literal
 * `version`; each write carries a fresh `nonce`, so a writer that got no answer can recognise its own write.
 *
 * Versions: while a site is upgraded, a new CLI meets old instances, and an old CLI new ones. Who reads a document
 * refuses fields that it does not know, for it would write it back without them. So a field that comes later makes a
 * new version of the schema; the version before is still read; and the lowest version is written that holds what is to
 * be said, so that who knows only that one goes on reading all that the field does not concern.
 */
export interface DocumentType<T extends { version: number; nonce: string }> {
  key: string;
  schema: z.core.$ZodType<T>;
  /** Runs after each write, before `updateDocument` returns. Must not throw. */
  after?(store: ObjectStore, clock: Clock, before: T | undefined, now: T): Promise<void>;
}

export interface Read<T> {
  value: T | undefined;
  etag: string | undefined;
  /** The store's clock; undefined when the document does not exist (S3 sends no usable answer then). */
  date: Date | undefined;
}

/** @throws EverspotError when the document is not of a version or form this everspot knows. */
export async function readDocument<T extends { version: number; nonce: string }>(
  store: ObjectStore,
  type: DocumentType<T>,
): Promise<Read<T>> {
  const found = await store.get(type.key);
  if (found === undefined) return { value: undefined, etag: undefined, date: undefined };
  return { value: parseJson(store, type.key, type.schema, found.body), etag: found.etag, date: found.date };
}

/**
 * How long a document may be there for writes and not for reads: S3 can answer 404 for what was written just after
 * versions were switched on in the bucket (S3 User Guide, "Enabling versioning on buckets").
 */
const UNSEEN_SECONDS = 60;

/**
 * Reads, changes and writes until the write is the next one after the read.
 *
 * `change` gets the current value (undefined when there is none) and the store's time when known; it returns
 * the new value without nonce, or `undefined` to leave everything as it is. It may run several times and must
 * have no effect of its own.
 *
 * At least once: when the reply to a write was lost and another writer came right after it, our nonce is gone and
 * `change` runs again on a value that has its effect already. It must look for that effect, or allow for it twice.
 * @param known as it was read or written last: saves the read as long as nobody else writes.
 * @returns what is stored afterwards, and whether this call wrote it.
 */
export async function updateDocument<T extends { version: number; nonce: string }>(
  store: ObjectStore,
  type: DocumentType<T>,
  change: (current: T | undefined, date: Date | undefined) => Omit<T, "nonce"> | undefined,
  clock: Clock = systemClock,
  known?: Read<T>,
): Promise<Read<T> & { wrote: boolean }> {
  const nonces = new Set<string>();
  let before: T | undefined;
  let unseen = 0;
  for (let attempt = 0; attempt < 20; attempt++) {
    const read = (attempt === 0 ? known : undefined) ?? (await readDocument(store, type));
    if (read.value !== undefined && nonces.has(read.value.nonce)) {
      await type.after?.(store, clock, before, read.value);
      return { ...read, wrote: true };
    }
    before = read.value;
    const next = change(read.value, read.date);
    if (next === undefined) return { ...read, wrote: false };
    const nonce = randomUUID();
    nonces.add(nonce);
    const value = z.parse(type.schema, { ...next, nonce });
    try {
      const condition = read.etag === undefined ? { ifNoneMatch: "*" as const } : { ifMatch: read.etag };
      const put = await store.put(type.key, JSON.stringify(value, null, 1), condition);
      await type.after?.(store, clock, before, value);
      return { ...put, value, wrote: true };
    } catch (error) {
      if (!(error instanceof ConditionFailed || error instanceof WriteConflict)) throw error;
      unseen = read.etag === undefined && error instanceof ConditionFailed ? unseen + 1 : 0;
      if (unseen > 1 && unseen <= UNSEEN_SECONDS) {
        attempt--;
        await clock.sleep(1000);
      } else if (read !== known) await clock.sleep(50 + 50 * attempt);
    }
  }
  throw new EverspotError(`${type.key} kept changing while we tried to write it`, {
    resource: `${store.url}/${type.key}`,
    retry: "retry",
  });
}
