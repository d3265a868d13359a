/**
 * The static files of a release, as `before_start` leaves them: the one place below the agent's own folders in which
 * the app's user may write. Nothing there is to be trusted: it may hold links to anywhere, devices' names, loops. So
 * root makes a fresh folder for each try, hands it over as a whole, and looks into no folder that the app had.
 */
import { randomBytes } from "node:crypto";
import { chmod, lstat, mkdir, readdir, rename } from "node:fs/promises";
import { join } from "node:path";
import { run } from "../system/run.ts";

/**
 * Ends of names with a hash in them, as Django's ManifestStaticFilesStorage and others put it there: the content never
 * changes. Eight digits alone are a date. For nginx (PCRE) and for Python.
 */
export const HASHED_NAME = "\\.(?=[0-9]*[a-f])(?=[a-f]*[0-9])[0-9a-f]{8,64}\\.[A-Za-z0-9]+(\\.map)?$";

export interface Owner {
  uid: number;
  gid: number;
}

/**
 * A folder of the app's user alone that holds a copy of what was packed, for `before_start` to write in.
 * @param root folder that only root may write in. @param packed folder in the release, which only root may write in.
 */
export async function freshStatic(root: string, id: string, packed: string, owner: Owner): Promise<void> {
  await mkdir(root, { recursive: true, mode: 0o755 });
  const next = nextStatic(root, id);
  await discard(root, next);
  // No other user gets in before it is handed over.
  await mkdir(next, { mode: 0o700 });
  await run("cp", ["-R", "-P", "--", `${packed}/.`, `${next}/`], { seconds: 300 });
  await run("chown", ["-R", "-P", "-h", "--", `${owner.uid}:${owner.gid}`, next], { seconds: 300 });
  await chmod(next, 0o755);
}

/** What another release's `before_start` made is what this one's goes on from: it was the app's user's all along. */
export async function inheritStatic(root: string, id: string, from: string): Promise<void> {
  const next = nextStatic(root, id);
  await discard(root, next);
  await rename(keptStatic(root, from), next);
}

/** What `before_start` made is the release's from here on. An app that runs goes on with the folder it had. */
export async function keepStatic(root: string, id: string): Promise<void> {
  const kept = keptStatic(root, id);
  if (await isThere(kept)) await rename(kept, join(root, `.${id}.old.${randomBytes(6).toString("hex")}`));
  await rename(nextStatic(root, id), kept);
}

/** Removes the folders of every release but these, and of these what is not served any more. */
export async function pruneStatic(root: string, keep: ReadonlySet<string>): Promise<void> {
  const names = await readdir(root).catch(() => []);
  for (const name of names) if (!keep.has(releaseOf(name))) await discard(root, join(root, name));
}

/** Removes what a release has that no app runs with. */
export async function dropStatic(root: string, id: string): Promise<void> {
  for (const folder of [keptStatic(root, id), nextStatic(root, id)]) await discard(root, folder);
  await dropOldStatic(root, id);
}

/** Folders that an app of this release had which has ended. */
export async function dropOldStatic(root: string, id: string): Promise<void> {
  const names = await readdir(root).catch(() => []);
  for (const name of names) if (name.startsWith(`.${id}.old.`)) await discard(root, join(root, name));
}

/** The first link among the static files of a release, which nginx does not follow. */
export async function linkIn(root: string, id: string): Promise<string | undefined> {
  const found = await run("find", ["-P", keptStatic(root, id), "-type", "l", "-printf", "%P\\n", "-quit"]);
  return found === "" ? undefined : found;
}

export const keptStatic = (root: string, id: string): string => join(root, id);
const nextStatic = (root: string, id: string): string => join(root, `.${id}.next`);
const releaseOf = (name: string): string => name.replace(/^\.(.*)\.(next|old\.[0-9a-f]+)$/, "$1");

/**
 * Not Node's rm(), which goes by paths: whoever kept the folder open could put a link in the way. rm(1) holds on to
 * each folder it is in and follows no link.
 */
async function discard(root: string, folder: string): Promise<void> {
  if (!(await isThere(folder))) return;
  const gone = join(root, `.${randomBytes(6).toString("hex")}.gone`);
  await rename(folder, gone);
  await run("rm", ["-rf", "--one-file-system", "--", gone], { seconds: 300 });
}

export const isThere = (path: string): Promise<boolean> =>
  lstat(path).then(
    () => true,
    () => false,
  );
