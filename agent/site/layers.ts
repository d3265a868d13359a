/** Layers: pieces of a machine kept in the bucket, so that a replacement needs nothing but the bucket (DESIGN §2.1). */
import { createHash } from "node:crypto";
import * as z from "zod/mini";
import type { DocumentType } from "./document.ts";
import { keys } from "./names.ts";

/** When Debian made its index (the Date of an InRelease), by suite, e.g. "trixie-security". */
const indexDates = z.record(z.string(), z.iso.datetime());
export type IndexDates = z.infer<typeof indexDates>;

const layerVersion = z.strictObject({
  /** The archive's hash, and its name: `layers/packages/<sha256>.tar.gz`. */
  sha256: z.string().check(z.regex(/^[0-9a-f]{64}$/)),
  /** Bytes. */
  size: z.int().check(z.nonnegative()),
  created: z.iso.datetime(),
  /** Instance that made it. */
  by: z.string(),
  /** Packages in it, e.g. "nginx_1.26.3-3_amd64.deb". */
  files: z.array(z.string().check(z.regex(/^[a-z0-9][a-z0-9.+-]*_[A-Za-z0-9.+~%-]+_[a-z0-9]+\.deb$/))),
  /** Dates of the signed index in it that vouches for them. */
  index: indexDates,
});
export type LayerVersion = z.infer<typeof layerVersion>;

/**
 * `layers/packages/<key>.json`: which archive holds what belongs to a key. Written only by compare-and-swap.
 *
 * A newer one is a candidate first. The next swap's new instance tries it, and only that one; once it has the site,
 * the candidate is current. A candidate whose instance never had the site is dropped.
 */
export const packageLayer = z.strictObject({
  version: z.literal(2),
  nonce: z.string(),
  current: layerVersion,
  /** What was current before. */
  previous: z.optional(layerVersion),
  candidate: z.optional(
    z.extend(layerVersion, {
      tried: z.optional(z.strictObject({ instance: z.string(), at: z.iso.datetime() })),
    }),
  ),
  /** When it was last looked for something newer. */
  looked: z.optional(z.iso.datetime()),
});
export type PackageLayer = z.infer<typeof packageLayer>;

type Fields = Omit<PackageLayer, "nonce">;

/** What a machine made of a key's work, which had no layer until then or a damaged one. */
export const newLayer = (current: LayerVersion): Fields => ({ version: 2, current });

/** Looked for something newer and found nothing. @param looked ISO 8601. */
export const noteLook = (layer: PackageLayer | undefined, looked: string): Fields | undefined =>
  layer && { ...layer, looked };

/** Something newer is in the bucket: the next swap is to try it. */
export const offerVersion = (
  layer: PackageLayer | undefined,
  candidate: LayerVersion,
  looked: string,
): Fields | undefined => layer && { ...layer, candidate, looked };

/** An instance takes the one try that a candidate has. */
export function takeTrial(
  layer: PackageLayer | undefined,
  sha256: string,
  tried: { instance: string; at: string },
): Fields | undefined {
  if (layer?.candidate?.sha256 !== sha256 || layer.candidate.tried !== undefined) return undefined;
  return { ...layer, candidate: { ...layer.candidate, tried } };
}

export const hasTrial = (layer: PackageLayer | undefined, sha256: string, instance: string): boolean =>
  layer?.candidate?.sha256 === sha256 && layer.candidate.tried?.instance === instance;

/** The instance that tried the candidate has the site: the candidate is current. */
export function proveCandidate(
  layer: PackageLayer | undefined,
  sha256: string,
  instance: string,
): Fields | undefined {
  if (layer?.candidate === undefined || !hasTrial(layer, sha256, instance)) return undefined;
  const { candidate, current, ...rest } = layer;
  const { tried: _, ...proven } = candidate;
  return { ...rest, current: proven, previous: current };
}

/** The candidate is of no use. */
export function dropVersion(layer: PackageLayer | undefined, sha256: string | undefined): Fields | undefined {
  if (layer?.candidate === undefined || layer.candidate.sha256 !== sha256) return undefined;
  const { candidate: _, ...rest } = layer;
  return rest;
}

export const packageLayerDocument = (key: string): DocumentType<PackageLayer> => ({
  key: keys.layerPointer(key),
  schema: packageLayer,
});

/** Packages to be there. */
export interface Wanted {
  /** With what they depend on. */
  lean: readonly string[];
  /** With what they recommend too, as `apt install` does it. */
  full?: readonly string[];
}

/**
 * `packages.json`: the oldest index of Debian that a machine may install a layer by, by the layer's key. Written only by
 * compare-and-swap, and only by the operator's side: whoever has an instance could otherwise put an old, signed index
 * with packages of known holes in the place of the layer that was there.
 */
export const packageFloor = z.strictObject({
  version: z.literal(1),
  nonce: z.string(),
  since: z.record(z.string(), indexDates),
});
export type PackageFloor = z.infer<typeof packageFloor>;
export const packageFloorDocument: DocumentType<PackageFloor> = {
  key: keys.packageFloor,
  schema: packageFloor,
};

/**
 * Debian signs these again every day. A stable release itself may be months old: a date that someone made up for it
 * could not be met for as long.
 */
const SIGNED_DAILY = /-(security|updates)$/;

/** Keys that are kept; an instance could name more than it has layers. */
const FLOORS = 500;

/**
 * What is in the bucket now is from now on the oldest that may be used. A date never falls, and none is believed that
 * lies in the future. @param layers by key. @param now milliseconds since the epoch.
 */
export function raiseFloor(
  floor: PackageFloor | undefined,
  layers: ReadonlyMap<string, Pick<PackageLayer, "current">>,
  now: number,
): Omit<PackageFloor, "nonce"> | undefined {
  const since = new Map(Object.entries(floor?.since ?? {}));
  let changed = false;
  for (const [key, { current }] of layers) {
    const before = since.get(key) ?? {};
    if (!since.has(key) && since.size >= FLOORS) continue;
    const later = Object.entries(current.index).filter(
      ([suite, date]) =>
        SIGNED_DAILY.test(suite) &&
        Date.parse(date) <= now &&
        Date.parse(date) > Date.parse(before[suite] ?? "1970-01-01"),
    );
    if (later.length === 0) continue;
    since.set(key, { ...before, ...Object.fromEntries(later) });
    changed = true;
  }
  return changed ? { version: 1, since: Object.fromEntries(since) } : undefined;
}

/**
 * The key of what must be added to a machine image so that these packages are installed. An image id names an
 * immutable set of installed packages, so the same key always means the same work.
 */
export function packageLayerKey(image: string, arch: string, wanted: Wanted): string {
  const list = (names: readonly string[] = []) => [...new Set(names)].sort();
  const inputs = [2, image, arch, list(wanted.lean), list(wanted.full)];
  return createHash("sha256").update(JSON.stringify(inputs)).digest("hex").slice(0, 32);
}
