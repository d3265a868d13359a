import {
  channelDocument,
  openCandidate,
  publishCandidate,
  reconfigure,
  reserveCounter,
  unconfigure,
} from "../../agent/site/channel.ts";
import type { Clock } from "../../agent/site/clock.ts";
import { readDocument, updateDocument } from "../../agent/site/document.ts";
import { type ReleaseManifest, releaseManifest } from "../../agent/site/documents/release-manifest.ts";
import { EverspotError } from "../../agent/site/errors.ts";
import { keys } from "../../agent/site/names.ts";
import { hasContent, releaseId } from "../../agent/site/release.ts";
import { ConditionFailed, type ObjectStore, WriteConflict } from "../../agent/site/store.ts";
import { readManifest } from "./manifests.ts";
import type { Packed } from "./pack.ts";
import type { OnProgress } from "./progress.ts";

export interface Published {
  id: string;
  counter: number;
  /** What the release is now: the same content may serve already. */
  state: "candidate" | "current";
  /** This content was published before, so nothing was uploaded. */
  reused: boolean;
  /** The site had no release before this one. */
  first: boolean;
  /** Release with the very same content that is quarantined, and why. */
  condemned?: { id: string; reason: string };
}

export interface PublishOptions {
  by: string;
  clock: Clock;
  /** Version of the launch template that it comes with, if only machines of that are to try it. */
  template?: number | undefined;
  onProgress?: OnProgress;
  /** The whole release is in the bucket, and is named in the channel next. */
  onWhole?: (id: string) => Promise<void>;
  signal?: AbortSignal;
}

/**
 * Makes a packed release the site's candidate: reserves its number, uploads the zip, then the manifest, and names it
 * in the channel last. Each write is conditional, so that wherever it is cut off no instance finds half a release,
 * and it can simply be run again. Content that is the candidate or current already is not published again; one that
 * is quarantined is, as a new release.
 * @throws EverspotError when someone else published a later release meanwhile; the signal's reason.
 */
export async function publishRelease(
  store: ObjectStore,
  packed: Packed,
  options: PublishOptions,
): Promise<Published> {
  const { clock, signal, template } = options;
  const report = options.onProgress ?? (() => {});
  const known = await findSame(store, packed.sha256);
  if (known !== undefined) {
    await options.onWhole?.(known.id);
    if (template !== undefined) await reconfigureCandidate(store, known.id, template, clock);
    return known;
  }

  signal?.throwIfAborted();
  const reserved = await updateDocument(store, channelDocument, reserveCounter, clock);
  const counter = reserved.value?.counter ?? 0;
  const id = releaseId(counter, packed.sha256);

  signal?.throwIfAborted();
  report({ phase: "upload", done: 0, total: packed.size, unit: "bytes" });
  await writeOnce(clock, () => store.upload(keys.releaseZip(id), packed.file, { ifNoneMatch: "*" }));
  await checkUpload(store, id, packed.size, clock);
  report({ phase: "upload", done: packed.size, total: packed.size, unit: "bytes" });

  signal?.throwIfAborted();
  const manifest = JSON.stringify(manifestOf(packed, id, counter, options.by, clock), null, 1);
  await writeOnce(clock, () => store.put(keys.releaseManifest(id), manifest, { ifNoneMatch: "*" }));

  signal?.throwIfAborted();
  await options.onWhole?.(id);
  let first = false;
  let condemned: Published["condemned"];
  await updateDocument(
    store,
    channelDocument,
    (channel) => {
      first = channel?.candidate === undefined && channel?.current === undefined;
      condemned = channel?.quarantined.findLast((bad) => hasContent(bad.id, packed.sha256));
      return publishCandidate(channel, id, template);
    },
    clock,
  );
  const again = condemned && { condemned: { id: condemned.id, reason: condemned.reason } };
  return { id, counter, state: "candidate", reused: false, first, ...again };
}

/** A person should know that it will fail again, unless what surrounds it changed. */
export const condemnedBefore = ({ id, condemned }: Published): string | undefined =>
  condemned &&
  `${id} has exactly the content of ${condemned.id}, which is quarantined (${condemned.reason}); it is tried again`;

/** The candidate is tried again, by machines of this version of the launch template. */
export async function reconfigureCandidate(
  store: ObjectStore,
  id: string,
  template: number,
  clock: Clock,
): Promise<void> {
  await updateDocument(
    store,
    channelDocument,
    (channel) => channel && reconfigure(channel, id, template),
    clock,
  );
}

/** Takes that back. @param before the version that it came with. */
export async function unconfigureCandidate(
  store: ObjectStore,
  { id, template, before }: { id: string; template: number; before: number | undefined },
  clock: Clock,
): Promise<void> {
  await updateDocument(
    store,
    channelDocument,
    (channel) => channel && unconfigure(channel, id, template, before),
    clock,
  );
}

async function findSame(store: ObjectStore, sha256: string): Promise<Published | undefined> {
  const { value: channel } = await readDocument(store, channelDocument);
  const candidate = channel && openCandidate(channel);
  for (const [id, state] of [
    [candidate, "candidate"],
    // While another release is to be tried, publishing the current content means going back to it.
    [channel?.candidate === undefined ? channel?.current : undefined, "current"],
  ] as const) {
    if (id === undefined) continue;
    const manifest = await readManifest(store, id);
    if (manifest?.sha256 !== sha256) continue;
    const first = channel?.current === undefined;
    return { id, counter: manifest.counter, state, reused: true, first };
  }
  return undefined;
}

const WRITE_ATTEMPTS = 5;

/**
 * Only this call writes the key, which holds a number of its own: an existing object is this call's own write, whose
 * answer was lost.
 */
async function writeOnce(clock: Clock, write: () => Promise<unknown>): Promise<void> {
  for (let attempt = 1; ; attempt++) {
    try {
      await write();
      return;
    } catch (error) {
      if (error instanceof ConditionFailed) return;
      if (!(error instanceof WriteConflict) || attempt === WRITE_ATTEMPTS) throw error;
      await clock.sleep(200 * attempt);
    }
  }
}

/** A bucket in which versions were only just switched on may not show for a while what is in it. */
const UNSEEN_SECONDS = 60;

async function checkUpload(store: ObjectStore, id: string, size: number, clock: Clock): Promise<void> {
  let found = await store.head(keys.releaseZip(id));
  for (let waited = 0; found === undefined && waited < UNSEEN_SECONDS; waited++) {
    await clock.sleep(1000);
    found = await store.head(keys.releaseZip(id));
  }
  if (found?.size === size) return;
  throw new EverspotError(`release ${id} arrived with ${found?.size ?? 0} bytes instead of ${size}`, {
    resource: `${store.url}/${keys.releaseZip(id)}`,
    hint: "deploy again",
    retry: "retry",
  });
}

function manifestOf(packed: Packed, id: string, counter: number, by: string, clock: Clock): ReleaseManifest {
  return releaseManifest.parse({
    version: 1,
    id,
    counter,
    created: new Date(clock.now()).toISOString(),
    sha256: packed.sha256,
    size: packed.size,
    unpackedSize: packed.unpackedSize,
    files: packed.files,
    git: packed.git,
    by,
    python: packed.python,
    arch: packed.arch,
    bytecode: packed.bytecode,
  });
}
