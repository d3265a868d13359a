/** The key and chain on this machine's disk, where nginx reads them. */
import { mkdir, mkdtemp, open, readdir, readFile, readlink, rename, rm, symlink } from "node:fs/promises";
import { basename, join } from "node:path";
import type { Pair } from "../ports/certificate-manager.ts";
import { isLate } from "../site/certificate-due.ts";
import { factsOf, parseChain } from "./verify.ts";

/** Every installed pair has a folder of its own; mkdtemp makes it 0700. */
const PREFIX = "pair-";

/** Stable paths through a link that changes in one step. */
export const installedPaths = (folder: string): { key: string; fullchain: string } => ({
  key: join(folder, "current", "privkey.pem"),
  fullchain: join(folder, "current", "fullchain.pem"),
});

/** What is installed; undefined when nothing is. */
export async function readInstalled(folder: string): Promise<Pair | undefined> {
  const paths = installedPaths(folder);
  try {
    return { key: await readFile(paths.key, "utf8"), chain: await readFile(paths.fullchain, "utf8") };
  } catch {
    return undefined;
  }
}

/** Whether it should have been renewed, or nothing is installed. */
export async function installedIsLate(folder: string, now: Date): Promise<boolean> {
  const [leaf] = parseChain((await readInstalled(folder))?.chain ?? "");
  return leaf === undefined || isLate(factsOf(leaf), now);
}

/** One at a time: each removes whatever is not the installed pair. */
let last: Promise<unknown> = Promise.resolve();

/**
 * Installs a pair in one step: a reader of the link sees the old pair or the new one, even after a power cut.
 * @returns whether this changed anything.
 */
export function install(folder: string, pair: Pair): Promise<boolean> {
  const next = last.then(() => installNow(folder, pair));
  last = next.catch(() => undefined);
  return next;
}

async function installNow(folder: string, pair: Pair): Promise<boolean> {
  const before = await readInstalled(folder);
  if (before?.key === pair.key && before.chain === pair.chain) return false;
  await mkdir(folder, { recursive: true, mode: 0o700 });
  const fresh = await mkdtemp(join(folder, PREFIX));
  await writeSynced(join(fresh, "privkey.pem"), pair.key);
  await writeSynced(join(fresh, "fullchain.pem"), pair.chain);
  await rm(join(folder, "next"), { force: true });
  await symlink(basename(fresh), join(folder, "next"));
  await rename(join(folder, "next"), join(folder, "current"));
  await removeOthers(folder);
  return true;
}

async function writeSynced(path: string, text: string): Promise<void> {
  const file = await open(path, "wx", 0o600);
  try {
    await file.writeFile(text);
    await file.sync();
  } finally {
    await file.close();
  }
}

async function removeOthers(folder: string): Promise<void> {
  const kept = await readlink(join(folder, "current"));
  for (const name of await readdir(folder)) {
    if (name.startsWith(PREFIX) && name !== kept)
      await rm(join(folder, name), { recursive: true, force: true });
  }
}
