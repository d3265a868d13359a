import path from "node:path";
import { EverspotError } from "../../../agent/site/errors.ts";
import { BEGINNING } from "../../../agent/site/state/place.ts";
import type { Aws } from "../../aws/connect.ts";
import type { SiteConfig } from "../../config/site-config.ts";
import type { Wanted } from "../../data/bring.ts";
import { megabytes, plural } from "../../data/counted.ts";
import { differing } from "../../data/differing.ts";
import { type Had, had } from "../../data/had.ts";
import { bytesOf, type Local, newUploads, requireFolder } from "../../data/local.ts";
import { copyDatabase, refuseNewer } from "../../data/local-database.ts";
import { type Examined, examineOrRefuse } from "../../data/sqlite.ts";
import { missingIn, type Uploads, uploadsInBucket, uploadsOf } from "../../data/uploads.ts";
import { refuseToLeaveBehind } from "../../deploy/bring-along.ts";
import { isRunning } from "../../deploy/stopped.ts";
import type { Timeline } from "../../deploy/timeline.ts";
import { formatMoment } from "../../operator/moment.ts";

/** What is to be brought, and what of it the site has not. */
export interface Push extends Local {
  database: Wanted;
  examined: Examined;
  rows: number;
  media: Media | undefined;
  /** Bytes of pages that differ. */
  differs: number;
  had: Had;
  running: boolean;
}

interface Media {
  folder: string;
  /** What the site has not by that name, or with another content. */
  changed: Uploads;
  /** What the bucket has not: a name for each content. */
  missing: [string, string, number][];
}

interface Around {
  config: SiteConfig;
  aws: Aws;
  timeline: Timeline;
  folder: string;
  signal: AbortSignal;
  media: string | undefined;
  force: boolean;
}

/** @throws EverspotError for what cannot become the site's. */
export async function lookAtPush(local: Local, around: Around): Promise<Push> {
  const { aws, timeline, folder, signal } = around;
  const uploads = around.media === undefined ? undefined : await requireFolder(around.media);
  const copy = path.join(folder, "copy.sqlite3");
  const examined = await timeline.step("copy and check the database", async (detail) => {
    const found = await copyDatabase(local.file, copy, signal);
    detail(plural(Object.keys(found.tables).length, "table"));
    return found;
  });
  const database = { file: local.name, path: copy, page: examined.page };
  const exists = (await aws.bucket.look()) !== undefined;
  if (exists) await refuseToLeaveBehind(around.config, aws, "what it has written would be lost");
  const before = await timeline.step("read what the site has", async (detail) => {
    const at = path.join(folder, "had");
    const found = exists ? await had(aws.stateOnce, at) : nothing(at);
    detail(found.place.seq === 0 ? "nothing yet" : `entry ${found.place.seq}`);
    return found;
  });
  const there = before.files.includes(local.name) ? path.join(before.folder, local.name) : undefined;
  const differs = await differing(database, there);
  // After that: SQLite changes a file that it looks into.
  if (there !== undefined && !around.force) {
    refuseNewer(local.file, examined.migrations, (await examineOrRefuse(there, "", signal)).migrations);
  }
  const rows = Object.values(examined.tables).reduce<number>((sum, count) => sum + (count ?? 0), 0);
  const media =
    uploads === undefined
      ? undefined
      : await timeline.step("look at the uploads", async (detail): Promise<Media> => {
          const all = await uploadsOf(uploads);
          const changed = newUploads(all, before.media);
          detail(`${plural(all.size, "file")}, ${megabytes(bytesOf(all))}`);
          // What the log has already may have been deleted by hand.
          const inBucket = exists ? await uploadsInBucket(aws.store) : new Map();
          return { folder: uploads, changed, missing: missingIn(inBucket, all) };
        });
  return { ...local, database, examined, rows, media, differs, had: before, running: await isRunning(aws) };
}

const nothing = (folder: string): Had => ({
  ...{ folder, base: undefined, entries: 0, files: [], media: new Map(), gone: [] },
  place: BEGINNING,
});

/** Whether the log stays as it is. */
export const leavesLog = ({ differs, media }: Push): boolean =>
  differs === 0 && (media?.changed.size ?? 0) === 0;

export const isSame = (push: Push): boolean => leavesLog(push) && (push.media?.missing.length ?? 0) === 0;

/** For the result. */
export const factsOf = ({ name, file, rows, examined, differs, media, had: before, running }: Push) => ({
  ...{ database: name, file, rows, tables: examined.tables, differs, running },
  media: media && {
    ...{ folder: media.folder, changed: media.changed.size, bytes: bytesOf(media.changed) },
    toUpload: media.missing.length,
  },
  had: { entry: before.place.seq, files: before.files, uploads: before.media.size },
});

export function describePush(push: Push): string[] {
  const { name, file, rows, differs, media, had: before, running } = push;
  const { place } = before;
  const what = differs === 0 ? "the site has it already" : `${megabytes(differs)} of pages to write`;
  const lines = [`${file} becomes ${name}: ${plural(rows, "row")}, ${what}`];
  if (media !== undefined) {
    const { changed, missing } = media;
    const bytes = missing.reduce((sum, [, , size]) => sum + size, 0);
    lines.push(
      `${media.folder}: ${plural(changed.size, "upload")} new or changed, ${missing.length} to bring to the bucket (${megabytes(bytes)})`,
    );
  }
  if (place.seq > 0)
    lines.push(
      `what the site has, as of ${formatMoment(new Date(place.at))}, stays in its history as entry ${place.seq}`,
    );
  if (running && !leavesLog(push))
    lines.push(
      "the site runs: its instance is ended, what is brought is written, and the next one begins with it; visitors get no answer meanwhile, for some minutes",
    );
  return lines;
}

/** @throws EverspotError */
export function refuseEmpty({ examined, file }: Push): void {
  if (Object.keys(examined.tables).length > 0) return;
  throw new EverspotError(`${file} has no table`, {
    resource: file,
    hint: "run the project's migrations on it first, or name the database that it uses",
  });
}
