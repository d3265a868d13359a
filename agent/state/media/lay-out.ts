import { closeSync, ftruncateSync, lstatSync, mkdirSync, openSync, rmSync } from "node:fs";
import path from "node:path";
import { setImmediate as turn } from "node:timers/promises";
import { messageOf } from "../../site/errors.ts";
import { fingerprintOf, UploadFolder } from "./folder.ts";
import { type KeptUpload, KeptUploads, uploadsFile } from "./kept-uploads.ts";

/** Files made before others get their turn. */
const AT_ONCE = 256;

/**
 * Makes the folder of uploads what the log says, without their content: for each upload that is not here an empty file
 * of its size, which only the shipper's user may open. So the site sees which names there are from the beginning on, and
 * takes none twice; the content comes after the boot, or when it is asked for (fetch.ts).
 * @param folder undefined: the site has none any more; the log keeps the names.
 * @param uploads of the log. Where it has none, what is here stays: it is what the site brings along.
 * @returns what could not be laid out.
 */
export async function layOut(
  folder: string | undefined,
  keeps: string,
  uploads: ReadonlyMap<string, { sha256: string; size: number }>,
): Promise<string[]> {
  if (folder !== undefined) mkdirSync(folder, { recursive: true });
  if (folder === undefined || uploads.size === 0) {
    KeptUploads.fresh(uploadsFile(keeps), uploads).close();
    return [];
  }
  const before = KeptUploads.read(uploadsFile(keeps));
  before.close();
  const troubles = await removeOthers(folder, uploads, before);
  const laid = new Map<string, KeptUpload>();
  let count = 0;
  for (const [name, { sha256, size }] of uploads) {
    if (++count % AT_ONCE === 0) await turn();
    const known = before.get(name);
    try {
      const here =
        known?.sha256 === sha256 && known.seen !== undefined && known.seen === printOf(folder, name);
      laid.set(name, {
        sha256,
        size,
        ...(here ? { seen: known.seen } : { absent: empty(folder, name, size) }),
      });
    } catch (error) {
      laid.set(name, { sha256, size });
      troubles.push(`upload ${JSON.stringify(name)} could not be laid out: ${messageOf(error)}`);
    }
  }
  KeptUploads.fresh(uploadsFile(keeps), laid).close();
  return troubles;
}

/** What the log does not have, or has otherwise. @returns what could not be removed. */
async function removeOthers(
  folder: string,
  uploads: ReadonlyMap<string, { sha256: string }>,
  before: KeptUploads,
): Promise<string[]> {
  const troubles: string[] = [];
  const walked = new UploadFolder(folder, { changed() {}, refused() {}, missed() {} });
  try {
    for await (const { name, stats } of walked.walk()) {
      const known = before.get(name);
      const same = known !== undefined && uploads.get(name)?.sha256 === known.sha256;
      if (same && known.seen === fingerprintOf(stats)) continue;
      try {
        rmSync(walked.at(name), { force: true });
      } catch (error) {
        troubles.push(`upload ${JSON.stringify(name)} is not as in the log: ${messageOf(error)}`);
      }
    }
  } finally {
    walked.close();
  }
  return troubles;
}

function printOf(folder: string, name: string): string | undefined {
  const stats = lstatSync(path.join(folder, name), { bigint: true, throwIfNoEntry: false });
  return stats?.isFile() ? fingerprintOf(stats) : undefined;
}

/** @returns its inode. */
function empty(folder: string, name: string, size: number): string {
  const at = path.join(folder, name);
  makeFolder(path.dirname(at));
  const descriptor = openSync(at, "wx", 0o600);
  try {
    ftruncateSync(descriptor, size);
    return String(lstatSync(at, { bigint: true }).ino);
  } finally {
    closeSync(descriptor);
  }
}

/** The site may write in it, and nginx reads there; its group is that of the folder it is in (setgid). */
function makeFolder(folder: string): void {
  const before = process.umask(0o002);
  try {
    mkdirSync(folder, { recursive: true, mode: 0o775 });
  } finally {
    process.umask(before);
  }
}
