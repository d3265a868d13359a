/** What is noted on the disk beside the site's state: how far it is in the bucket, and the release that is tried on it. */
import { rm } from "node:fs/promises";
import { join } from "node:path";
import * as z from "zod/mini";
import { readIfThere, writeAtomic } from "../system/files.ts";
import type { KeptPlaces } from "../system/paths.ts";

const place = z.object({ seq: z.int(), hash: z.string(), epoch: z.int(), at: z.string() });
const keptState = z.object({ epoch: z.int(), instance: z.string(), sealed: z.boolean(), place });
const trial = z.object({ release: z.string(), epoch: z.int(), mark: place });

export type Kept = z.infer<typeof keptState>;
/** The release, and the mark in the log before it. */
export type Trial = z.infer<typeof trial>;

/** Undefined while nothing is kept, or what was noted cannot be read. */
export const readKept = (places: KeptPlaces): Promise<Kept | undefined> =>
  readNote(join(places.log, "shipped.json"), keptState);

/** Undefined, too, of an epoch that is over. */
export async function readTrial(places: KeptPlaces): Promise<Trial | undefined> {
  const found = await readNote(places.trial, trial);
  if (found === undefined) return undefined;
  // While it is taken back, nothing is kept.
  const kept = await readKept(places);
  return kept === undefined || kept.epoch === found.epoch ? found : undefined;
}

export const noteTrial = (places: KeptPlaces, trial: Trial): Promise<void> =>
  writeAtomic(places.trial, JSON.stringify(trial), 0o600);

export const dropTrial = (places: KeptPlaces): Promise<void> => rm(places.trial, { force: true });

async function readNote<T>(file: string, schema: z.ZodMiniType<T>): Promise<T | undefined> {
  const text = await readIfThere(file);
  try {
    return text === undefined ? undefined : z.parse(schema, JSON.parse(text));
  } catch {
    return undefined;
  }
}
