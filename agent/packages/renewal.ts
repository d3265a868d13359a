/** Newer packages for the machines that come: found and kept by the one that has the site, tried by the next swap. */
import { mkdir, rm } from "node:fs/promises";
import { join } from "node:path";
import type { Clock } from "../site/clock.ts";
import { readDocument, updateDocument } from "../site/document.ts";
import {
  dropVersion,
  hasTrial,
  noteLook,
  offerVersion,
  type PackageLayer,
  packageLayerDocument,
  packageLayerKey,
  proveCandidate,
  takeTrial,
  type Wanted,
} from "../site/layers.ts";
import type { ObjectStore } from "../site/store.ts";
import { type Debian, type Offer, packageOf } from "./debian.ts";
import { storeVersion } from "./layer.ts";

export interface Renewal {
  debian: Debian;
  store: ObjectStore;
  clock: Clock;
  /** Machine image and processor: what a layer fits. */
  image: string;
  arch: string;
  instance: string;
  /** Folder for archives, on the disk. */
  folder: string;
}

/** Between two looks at the mirror, in milliseconds, whichever instance looks. */
const WEEK = 7 * 86_400_000;
/** How long an instance that tries a candidate may take until it has the site. */
const TRIAL = 3_600_000;

/**
 * Looks for security updates of the packages of a layer, and keeps them as its candidate. Nothing is installed on this
 * machine: apt is asked what it would add to the machine's image, and the files go from the mirror to the bucket.
 * At most once a week, whichever instance asks, and not while a candidate waits to be tried.
 * @returns the updates, for a person; empty when there is nothing to do.
 */
export async function renewLayer(of: Renewal, wanted: Wanted, signal?: AbortSignal): Promise<string[]> {
  const { debian, store, clock } = of;
  const key = packageLayerKey(of.image, of.arch, wanted);
  const document = packageLayerDocument(key);
  const now = clock.now();
  const before = await dropFailed(store, key, now);
  if (before === undefined || before.candidate !== undefined) return [];
  if (now - Date.parse(before.looked ?? before.current.created) < WEEK) return [];
  const looked = new Date(now).toISOString();
  const updates = securityUpdates(before.current.files, await debian.offers(wanted, signal));
  if (updates.length === 0) {
    await updateDocument(store, document, (layer) => noteLook(layer, looked));
    return [];
  }
  const place = join(of.folder, `${key}.renewal`);
  await rm(place, { recursive: true, force: true });
  try {
    await mkdir(place, { recursive: true });
    const files = await debian.download(wanted, place, signal);
    const index = await debian.pack(place, files, signal);
    const candidate = await storeVersion(store, { folder: place, debs: files, index, by: of.instance });
    await updateDocument(store, document, (layer) => offerVersion(layer, candidate, looked));
  } finally {
    await rm(place, { recursive: true, force: true });
  }
  return updates;
}

/** "nginx 1.26.3-3+deb13u1" of each that has a security update, against the files of a layer. */
export function securityUpdates(files: readonly string[], offers: readonly Offer[]): string[] {
  const had = new Map(files.map(packageOf).map(({ name, version }) => [name, version]));
  const newer = offers.filter((o) => o.security && had.get(o.name) !== o.version);
  return [...new Set(newer.map((o) => `${o.name} ${o.version}`))];
}

/** A candidate that was tried, and whose instance did not get the site in time, is of no use. */
async function dropFailed(store: ObjectStore, key: string, now: number): Promise<PackageLayer | undefined> {
  const { value } = await readDocument(store, packageLayerDocument(key));
  const tried = value?.candidate?.tried;
  if (tried === undefined || now - Date.parse(tried.at) < TRIAL) return value;
  return dropCandidate(store, key, value?.candidate?.sha256);
}

/** @returns the layer without this candidate. */
export async function dropCandidate(
  store: ObjectStore,
  key: string,
  sha256: string | undefined,
): Promise<PackageLayer | undefined> {
  const { value } = await updateDocument(store, packageLayerDocument(key), (layer) =>
    dropVersion(layer, sha256),
  );
  return value;
}

/** The instance that tried the candidate has the site now: it is current from here on. Safe to repeat. */
export async function promoteCandidate(
  store: ObjectStore,
  key: string,
  sha256: string,
  instance: string,
): Promise<boolean> {
  const { wrote } = await updateDocument(store, packageLayerDocument(key), (layer) =>
    proveCandidate(layer, sha256, instance),
  );
  return wrote;
}

/**
 * Claims the one try that a candidate has. @returns whether this instance has it; again, when it is asked again.
 */
export async function claimTrial(
  store: ObjectStore,
  key: string,
  sha256: string,
  instance: string,
  now: number,
): Promise<boolean> {
  const at = new Date(now).toISOString();
  const { value } = await updateDocument(store, packageLayerDocument(key), (layer) =>
    takeTrial(layer, sha256, { instance, at }),
  );
  return hasTrial(value, sha256, instance);
}
