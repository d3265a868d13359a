import { randomUUID } from "node:crypto";
import type { Clock } from "../site/clock.ts";
import { readDocument, updateDocument } from "../site/document.ts";
import { YIELD_SECONDS, yieldDocument } from "../site/jobs/yield.ts";
import { ring } from "../site/runs/bell.ts";
import type { ObjectStore } from "../site/store.ts";

const LOOK_MS = 500;
/** Seconds until the one before has heard of it, and has said that all is done. */
const HEAR_SECONDS = 10;

/**
 * Asks the instance that has the site to end its jobs and workers, and waits until it has, or had the time for it.
 * @param seconds that they have for it, after they were asked. @returns whether they have ended.
 */
export async function askToYield(
  { store, clock }: { store: ObjectStore; clock: Clock },
  { by, of }: { by: string; of: string },
  seconds: number,
  signal: AbortSignal,
): Promise<boolean> {
  const id = randomUUID();
  const begun = clock.now();
  const asked = new Date(begun).toISOString();
  await updateDocument(store, yieldDocument, () => ({ version: 1, id, by, of, asked }), clock);
  await ring(store, clock);
  while (clock.now() - begun < (seconds + HEAR_SECONDS) * 1000) {
    await clock.sleep(LOOK_MS, signal);
    const { value } = await readDocument(store, yieldDocument);
    // Somebody else asks now: that one waits for it.
    if (value?.id !== id) return false;
    if (value.stopped !== undefined) return true;
  }
  return false;
}

/** What another instance asks of this one. @param last what was heard already. */
export async function askedToYield(
  store: ObjectStore,
  me: string,
  last: string | undefined,
): Promise<{ id: string; by: string } | undefined> {
  const { value, date } = await readDocument(store, yieldDocument);
  if (value === undefined || value.of !== me || value.id === last || value.stopped !== undefined)
    return undefined;
  const age = (date?.getTime() ?? Number.POSITIVE_INFINITY) - Date.parse(value.asked);
  return age < YIELD_SECONDS * 1000 ? { id: value.id, by: value.by } : undefined;
}

/** All have ended. */
export async function answerYield(store: ObjectStore, clock: Clock, id: string): Promise<void> {
  const stopped = new Date(clock.now()).toISOString();
  await updateDocument(
    store,
    yieldDocument,
    (current) => (current?.id === id && current.stopped === undefined ? { ...current, stopped } : undefined),
    clock,
  );
}
