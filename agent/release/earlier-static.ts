/**
 * Static files of releases that served before, for pages that visitors still have open: a page names the files of its
 * own release, long after another one serves. Those with a hash of their content in the name never change, so they can
 * all lie in one folder. Each release's are kept in the bucket, for the machine that comes next: `before_start` made
 * them, and no zip of a release has them.
 */
import { mkdir, readlink, rm, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { HASHED_NAME } from "../serving/static-folder.ts";
import { messageOf } from "../site/errors.ts";
import { keys } from "../site/names.ts";
import { type ReleaseLimits, releaseLimits } from "../site/release.ts";
import type { ObjectStore } from "../site/store.ts";
import { pointLink } from "../system/files.ts";
import { run } from "../system/run.ts";
import { unpackRelease } from "./unzip.ts";

/** Days for which a page may be open. */
const OPEN_DAYS = 7;
/** Releases. */
const MOST = 5;
/** Bytes of one release; the smallest files go first, which are stylesheets and scripts. */
const MOST_BYTES = 32_000_000;
const LIMITS: ReleaseLimits = { ...releaseLimits, entries: 20_000, bytes: MOST_BYTES, zipBytes: MOST_BYTES };

export interface EarlierStatic {
  store: ObjectStore;
  /** Root's own. */
  folder: string;
  /** What nginx looks in for what is not among the files of the release that serves. */
  link: string;
  /** Which folder of static files it is about. */
  n: number;
}

/** Keeps the files of a release for later machines, once. @param folder of them. @returns what was done. */
export async function keepStaticFiles(
  { store, folder: near, n }: Pick<EarlierStatic, "store" | "folder" | "n">,
  id: string,
  folder: string,
): Promise<string> {
  const key = keys.staticFiles(id, n);
  if ((await store.head(key)) !== undefined) return "kept before";
  const zip = `${near}.${id}.zip`;
  try {
    const files = await gather(folder, "zip", zip);
    if (files > 0) await store.upload(key, zip);
    return `${files} files`;
  } finally {
    await rm(zip, { force: true });
  }
}

/**
 * Puts the files of earlier releases in place: of the one that ran here before, and of those that the bucket has.
 * Safe to repeat. @param id the release that serves. @param now milliseconds since the epoch. @returns what was done.
 */
export async function bringEarlier(
  { store, folder, link, n }: EarlierStatic,
  id: string,
  now: number,
  signal?: AbortSignal,
): Promise<string> {
  await mkdir(folder, { recursive: true, mode: 0o755 });
  const before = await readlink(link).catch(() => undefined);
  if (before !== undefined && before !== folder && (await exists(before)))
    await gather(before, "copy", folder);
  const listed = await store.list(keys.staticPrefix(n));
  const brought: string[] = [];
  const failed: string[] = [];
  for (const earlier of earlierReleases(listed, id, now, n)) {
    signal?.throwIfAborted();
    const mark = join(folder, `.${earlier}`);
    if (await exists(mark)) continue;
    try {
      await bring(store, { id: earlier, n }, folder, signal);
      await writeFile(mark, "");
      brought.push(earlier);
    } catch (error) {
      failed.push(`${earlier}: ${messageOf(error)}`);
    }
  }
  await run("find", [folder, "-type", "f", "-mtime", `+${OPEN_DAYS}`, "-delete"]);
  if (before !== folder) await pointLink(link, folder);
  return [brought.length === 0 ? "none to bring" : `of ${brought.join(", ")}`, ...failed].join("; ");
}

/** What is in the bucket is an instance's, and is unpacked like a release: no links, no devices, no other folder. */
async function bring(
  store: ObjectStore,
  { id, n }: { id: string; n: number },
  folder: string,
  signal?: AbortSignal,
): Promise<void> {
  const [zip, unpacked] = [`${folder}.${id}.zip`, `${folder}.${id}`];
  try {
    if ((await store.download(keys.staticFiles(id, n), zip)) === undefined) return;
    await rm(unpacked, { recursive: true, force: true });
    await unpackRelease(zip, unpacked, LIMITS, { signal });
    await gather(unpacked, "copy", folder);
  } finally {
    await rm(zip, { force: true });
    await rm(unpacked, { recursive: true, force: true });
  }
}

/**
 * Releases whose pages may still be open: no other one came after them so long ago. Newest first.
 * @param listed the objects of `keys.staticPrefix`, of whatever folder. @param n of the folder.
 */
export function earlierReleases(
  listed: readonly { key: string; modified: Date }[],
  own: string,
  now: number,
  n: number,
): string[] {
  const inOrder = listed
    .flatMap(({ key, modified }) => {
      const id = /^([^/]+)\.zip$/.exec(key.slice(keys.staticPrefix(n).length))?.[1];
      return id === undefined ? [] : [{ id, at: modified.getTime() }];
    })
    .sort((a, b) => a.at - b.at);
  return inOrder
    .filter(({ id }, i) => id !== own && (inOrder[i + 1]?.at ?? now) > now - OPEN_DAYS * 86_400_000)
    .map(({ id }) => id)
    .slice(-MOST)
    .reverse();
}

/** @returns how many files. */
async function gather(from: string, how: "zip" | "copy", to: string): Promise<number> {
  const args = ["python3", "-I", "-c", GATHER, from, how, to, HASHED_NAME, String(MOST_BYTES)];
  return Number(await run("nice", args, { seconds: 120 }));
}

/** The app made these files: links among them are not followed. */
const GATHER = `
import os, re, shutil, stat, sys, zipfile
root, how, to, hashed, most = sys.argv[1:]
os.umask(0o022)
found = []
for folder, _, names in os.walk(root):
    for name in names:
        path = os.path.join(folder, name)
        about = os.lstat(path)
        if re.search(hashed, name) and stat.S_ISREG(about.st_mode):
            found.append((about.st_size, path))
room, chosen = int(most), []
for size, path in sorted(found):
    room -= size
    if room < 0:
        break
    chosen.append((path, os.path.relpath(path, root)))
if how == "zip" and chosen:
    with zipfile.ZipFile(to, "w", zipfile.ZIP_DEFLATED, compresslevel=1, strict_timestamps=False) as out:
        for path, name in chosen:
            out.write(path, name)
if how == "copy":
    for path, name in chosen:
        there = os.path.join(to, name)
        os.makedirs(os.path.dirname(there), exist_ok=True)
        if not os.path.lexists(there):
            shutil.copyfile(path, there, follow_symlinks=False)
print(len(chosen))
`;

const exists = (path: string): Promise<boolean> =>
  stat(path).then(
    () => true,
    () => false,
  );
