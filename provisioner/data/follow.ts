/** A warm copy of the site's databases elsewhere: what comes into the log is applied to it, entry by entry. */
import { readFile, rename, stat, writeFile } from "node:fs/promises";
import path from "node:path";
import * as z from "zod/mini";
import { EverspotError } from "../../agent/site/errors.ts";
import type { StateBucket } from "../../agent/site/state/bucket.ts";
import { bodyOf, decodeEntry } from "../../agent/site/state/entry.ts";
import { Damaged } from "../../agent/site/state/errors.ts";
import { BASE_PREFIX, logKey, seqOf } from "../../agent/site/state/keys.ts";
import type { Place } from "../../agent/site/state/place.ts";
import { readLog } from "../../agent/site/state/read-log.ts";
import { readOnce } from "../../agent/site/state/read-once.ts";
import { RestoredFiles } from "../../agent/site/state/restored-files.ts";
import { had } from "./had.ts";
import { place as put, targetsOf, withScratch } from "./target.ts";

const followed = z.strictObject({
  version: z.literal(1),
  /** The bucket. */
  url: z.string(),
  place: z.strictObject({ seq: z.int(), hash: z.string(), epoch: z.int(), at: z.string() }),
  /** Where each database is, by its name in the log. */
  files: z.record(z.string(), z.string()),
});
/** What is kept beside the copy: how far it is. */
export type Followed = z.infer<typeof followed>;

export interface Caught {
  /** How it was brought up to date. */
  how: "restored" | "applied";
  entries: number;
  followed: Followed;
}

/** Beside the copy. */
const keptFile = (file: string): string => `${path.resolve(file)}.everspot.json`;

/**
 * Brings a copy up to date, and goes on from where it was if that is known.
 * @param file of the one database; of several, their folder. @param force takes the place of a file that is there and is
 * no copy of this site.
 */
export async function catchUp(bucket: StateBucket, file: string, force: boolean): Promise<Caught> {
  const before = await readKept(file);
  if (before === undefined) {
    await refuseOther(file, force);
    return restoreAnew(bucket, file);
  }
  if (before.url !== bucket.url && !force) {
    throw new EverspotError(`${file} is a copy of ${before.url}, not of ${bucket.url}`, {
      resource: keptFile(file),
      hint: "name another file, or replace it with --force",
      exitCode: 2,
    });
  }
  const done = await apply(bucket, file, before);
  // The log may have been cleaned up since.
  const bases = (await bucket.list(BASE_PREFIX)).objects.flatMap(({ key }) => seqOf(key) ?? []);
  const behind = done === undefined || (bases.at(-1) ?? 0) > done.followed.place.seq;
  return behind ? restoreAnew(bucket, file) : done;
}

/** What has come since, by GET of the next number alone. Undefined: something was taken back; restore again. */
export async function apply(
  bucket: StateBucket,
  file: string,
  before: Followed,
): Promise<Caught | undefined> {
  const folder = path.parse(path.resolve(file)).root;
  const at = new Map(Object.entries(before.files).map(([name, full]) => [name, path.relative(folder, full)]));
  const files = new RestoredFiles(folder, async (seq) => {
    const resource = `${bucket.url}/${logKey(seq)}`;
    const bytes = await bucket.get(logKey(seq));
    if (bytes === undefined) throw new Damaged(resource, "is gone");
    return bodyOf(decodeEntry(bytes, resource), resource);
  });
  let safe: Place = before.place;
  let entries = 0;
  let again = false;
  let opened = false;
  try {
    await readLog(bucket, before.place, {
      onEntry: async ({ seq, entry, counts, place, resource }) => {
        entries++;
        const { header } = entry;
        if (counts && header.kind === "rewind") again = true;
        if (counts && header.kind === "data" && header.frames !== undefined) {
          const own = at.get(header.frames.file);
          // A database that is new.
          if (own === undefined) again = true;
          else {
            if (!opened) for (const relative of at.values()) await files.existing(relative);
            opened = true;
            await files.apply({ ...header.frames, file: own }, seq, () => bodyOf(entry, resource));
          }
        }
        if (again) return "stop";
        if (!files.isUnfinished) safe = place;
        return undefined;
      },
    });
  } finally {
    await files.close();
  }
  if (again) return undefined;
  const after = { ...before, place: safe };
  if (safe.seq !== before.place.seq) await writeKept(file, after);
  return { how: "applied", entries, followed: after };
}

export async function restoreAnew(bucket: StateBucket, file: string): Promise<Caught> {
  return withScratch(file, async (folder) => {
    const done = await had(readOnce(bucket), folder);
    if (done.files.length === 0) {
      throw new EverspotError(`${bucket.url} has no database yet`, {
        hint: "the site writes it once it runs with [state]",
      });
    }
    const targets = targetsOf(file, done.files);
    for (const [name, to] of targets) await put(path.join(folder, name), to);
    const after: Followed = {
      version: 1,
      url: bucket.url,
      place: done.place,
      files: Object.fromEntries(targets),
    };
    await writeKept(file, after);
    return { how: "restored", entries: done.entries, followed: after };
  });
}

async function readKept(file: string): Promise<Followed | undefined> {
  try {
    const parsed = z.safeParse(followed, JSON.parse(await readFile(keptFile(file), "utf8")));
    if (!parsed.success) return undefined;
    for (const one of Object.values(parsed.data.files)) await stat(one);
    return parsed.data;
  } catch {
    return undefined;
  }
}

async function writeKept(file: string, value: Followed): Promise<void> {
  await writeFile(`${keptFile(file)}.part`, JSON.stringify(value));
  await rename(`${keptFile(file)}.part`, keptFile(file));
}

async function refuseOther(file: string, force: boolean): Promise<void> {
  const there = await stat(path.resolve(file)).catch(() => undefined);
  if (force || there === undefined || there.isDirectory()) return;
  throw new EverspotError(`${file} exists already, and is not a copy that everspot follows`, {
    resource: path.resolve(file),
    hint: "name another file, or replace it with --force",
    exitCode: 2,
  });
}
