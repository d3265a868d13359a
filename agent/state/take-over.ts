import { mkdir, open, rm } from "node:fs/promises";
import path from "node:path";
import type { StateBucket } from "../site/state/bucket.ts";
import { Fenced } from "../site/state/errors.ts";
import { restore } from "../site/state/restore.ts";
import { keepRestored, keptFile, readKept } from "./kept.ts";
import type { Writer } from "./log/fence-ahead.ts";
import { removeBases } from "./log/go-back.ts";
import type { Patience } from "./log/settle.ts";
import { takeServed } from "./log/take-served.ts";
import { layOut } from "./media/lay-out.ts";

/**
 * Takes the site's log for a new owner, and brings its databases onto the disk: the fence first, then what it fences
 * off. What a release wrote that was tried and never came to serve is taken back: whoever tried it is gone. A process of
 * its own, for a base is large.
 * @throws Fenced when a later owner was met.
 */
export async function takeOver(
  bucket: StateBucket,
  me: Writer,
  where: {
    folder: string;
    keeps: string;
    databases: readonly string[];
    media?: { folder: string } | undefined;
    /** A copy that was brought before: what is in it is not read again. */
    like?: string | undefined;
  },
  patience: Patience,
) {
  await mkdir(where.folder, { recursive: true });
  await mkdir(where.keeps, { recursive: true });
  const troubles: string[] = [];
  const before = readKept(keptFile(where.keeps));
  let opened = false;
  // Whatever dies on the way leaves databases that must not be used.
  await rm(keptFile(where.keeps), { force: true });
  const { done, gone } = await takeServed(
    bucket,
    me,
    ({ onEntry, ...options }) =>
      restore(bucket, where.folder, {
        ...options,
        like: where.like,
        onTrouble: (error) => troubles.push(error.message),
        onEntry: (seen) => {
          const { header } = seen.entry;
          // No two have the same epoch: site.json did not know of this one (provisioner/data/writing.ts).
          if (seen.counts && header.epoch === me.epoch && header.instance !== me.instance)
            throw new Fenced(me.epoch);
          opened ||= seen.counts && header.kind === "open" && header.instance !== me.instance;
          onEntry(seen);
        },
      }),
    patience,
  );
  if (gone !== undefined)
    troubles.push(`taken back: what a release wrote that never served ("${gone.name}")`);
  for (const database of where.databases) await empty(path.join(where.folder, database));
  for (const { from, to } of done.gone) await removeBases(bucket, from, to);
  troubles.push(...(await layOut(where.media?.folder, where.keeps, done.media)));
  keepRestored(where, me, done);
  return {
    seq: done.place.seq,
    base: done.base,
    entries: done.entries,
    files: done.files,
    // A base that another owner made hides its `open`, which is not read then.
    opened: opened || (done.base ?? 0) > (before?.place.seq ?? Number.POSITIVE_INFINITY),
    uploads: done.media.size,
    troubles,
  };
}

/** A database that is not there yet: its first writer may be another user than the shipper. */
async function empty(database: string): Promise<void> {
  await mkdir(path.dirname(database), { recursive: true });
  await (await open(database, "a", 0o660)).close();
}
