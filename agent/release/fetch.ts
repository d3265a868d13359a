import { mkdir, readdir, rename, rm, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { Clock } from "../site/clock.ts";
import { type ReleaseManifest, releaseManifest } from "../site/documents/release-manifest.ts";
import { EverspotError } from "../site/errors.ts";
import { keys } from "../site/names.ts";
import { readJson } from "../site/read-json.ts";
import { isReleaseId } from "../site/release.ts";
import type { ObjectStore } from "../site/store.ts";
import { run } from "../system/run.ts";
import { checkFit, type Platform } from "./fit.ts";
import { unpackRelease } from "./unzip.ts";

/** Where releases are on this machine. */
export interface ReleaseDisk {
  /** One folder per release, named by its id; owned by root. */
  releases: string;
  /** Lost at a reboot: what was unpacked since, but is not known to be on the disk yet. */
  unflushed: string;
}

/** What `channel.json` names is not in the bucket: no fault of the release, and it may be seen later. */
export class NotThere extends EverspotError {
  constructor(message: string, resource: string) {
    super(message, { resource, retry: "retry", hint: "it was removed or never published; deploy again" });
  }
}

/**
 * Seconds for which the bucket may answer that an object is not there which was written: S3 does so for a while after
 * versions were first switched on (S3 User Guide, "Enabling versioning on buckets").
 */
const UNSEEN_SECONDS = 60;
const LOOK_SECONDS = 2;

export interface Fetched {
  folder: string;
  from: "disk" | "bucket";
  /** Size of the zip; undefined when nothing was fetched. */
  bytes: number | undefined;
}

/**
 * Brings a release onto this machine, checked and whole, or not at all: the zip's size and SHA-256 are checked
 * before anything is unpacked, and the folder gets its name when all is there. Safe to repeat.
 * @throws EverspotError naming the release: NotThere when the bucket has not had it for a minute.
 */
export async function fetchRelease(
  store: ObjectStore,
  id: string,
  disk: ReleaseDisk,
  platform: Platform,
  { clock, signal }: { clock: Clock; signal?: AbortSignal },
): Promise<Fetched> {
  if (!isReleaseId(id)) {
    throw new EverspotError(`${JSON.stringify(id)} is not the id of a release`, {
      resource: `${store.url}/${keys.channel}`,
      hint: "channel.json was changed by hand; restore an earlier version of it",
    });
  }
  await mkdir(disk.releases, { recursive: true, mode: 0o755 });
  await mkdir(disk.unflushed, { recursive: true });
  const folder = join(disk.releases, id);
  if (await isWhole(disk, id)) return { folder, from: "disk", bytes: undefined };

  const end = clock.now() + UNSEEN_SECONDS * 1000;
  const seen = async <T>(read: () => Promise<T>): Promise<T> => {
    for (;;) {
      try {
        return await read();
      } catch (error) {
        const left = end - clock.now();
        if (!(error instanceof NotThere) || left <= 0) throw error;
        await clock.sleep(Math.min(left, LOOK_SECONDS * 1000), signal);
      }
    }
  };
  const manifest = await seen(() => readManifest(store, id));
  checkFit(manifest, platform);
  const zip = join(disk.releases, `.${id}.zip`);
  const next = join(disk.releases, `.${id}.next`);
  try {
    // A fetch that was cut off may have left it.
    await rm(next, { recursive: true, force: true });
    await seen(() => download(store, manifest, zip));
    signal?.throwIfAborted();
    await unpackRelease(zip, next, undefined, { signal });
    await rm(folder, { recursive: true, force: true });
    await rename(next, folder);
    await writeFile(join(disk.unflushed, id), "");
    return { folder, from: "bucket", bytes: manifest.size };
  } finally {
    await rm(zip, { force: true });
    await rm(next, { recursive: true, force: true });
  }
}

/** Makes sure a fetched release survives a power cut. Takes as long as the disk does: not for the boot's way. */
export async function flushRelease(disk: ReleaseDisk, id: string): Promise<void> {
  await run("sync", ["-f", join(disk.releases, id)], { seconds: 600 });
  await writeFile(wholeMark(disk, id), "");
}

/** Removes every release but these, and what a fetch of another one that was cut off left. */
export async function pruneReleases(disk: ReleaseDisk, keep: ReadonlySet<string>): Promise<string[]> {
  const wanted = new Set([...keep].flatMap((id) => [id, `.${id}.whole`, `.${id}.zip`, `.${id}.next`]));
  const names = await readdir(disk.releases).catch(() => []);
  const gone = names.filter((name) => !wanted.has(name));
  for (const name of gone) await rm(join(disk.releases, name), { recursive: true, force: true });
  return gone;
}

/** @throws NotThere; EverspotError when it is not usable. */
export async function readManifest(store: ObjectStore, id: string): Promise<ReleaseManifest> {
  const key = keys.releaseManifest(id);
  const resource = `${store.url}/${key}`;
  const manifest = await readJson(store, key, releaseManifest);
  if (manifest?.id === id) return manifest;
  if (manifest === undefined) {
    throw new NotThere(`release ${id} has no manifest in the bucket`, resource);
  }
  throw new EverspotError(`the manifest of release ${id} is that of ${manifest.id}`, {
    resource,
    hint: "deploy again",
  });
}

async function download(store: ObjectStore, manifest: ReleaseManifest, zip: string): Promise<void> {
  const resource = `${store.url}/${keys.releaseZip(manifest.id)}`;
  const got = await store.download(keys.releaseZip(manifest.id), zip);
  if (got === undefined) {
    throw new NotThere(`release ${manifest.id} has no zip in the bucket`, resource);
  }
  if (got.sha256 !== manifest.sha256 || got.size !== manifest.size) {
    throw new EverspotError(
      `release ${manifest.id} is not what was published: ${got.size} bytes with SHA-256 ${got.sha256}, ` +
        `expected ${manifest.size} bytes with ${manifest.sha256}`,
      { resource, hint: "the object was changed or damaged; deploy again" },
    );
  }
}

async function isWhole(disk: ReleaseDisk, id: string): Promise<boolean> {
  const there = (file: string) =>
    stat(file).then(
      () => true,
      () => false,
    );
  if (!(await there(join(disk.releases, id)))) return false;
  return (await there(wholeMark(disk, id))) || (await there(join(disk.unflushed, id)));
}

const wholeMark = (disk: ReleaseDisk, id: string): string => join(disk.releases, `.${id}.whole`);
