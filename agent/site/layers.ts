/** Layers: pieces of a machine kept in the bucket, so that a replacement needs nothing but the bucket (DESIGN §2.1). */
import { createHash } from "node:crypto";
import * as z from "zod/mini";
import type { DocumentType } from "./document.ts";
import { keys } from "./names.ts";

const layerVersion = z.strictObject({
  /** Of the archive; also its name: `layers/<kind>/<sha256>.tar.gz`. */
  sha256: z.string().check(z.regex(/^[0-9a-f]{64}$/)),
  /** Bytes. */
  size: z.int().check(z.nonnegative()),
  created: z.iso.datetime(),
  /** Instance that made it. */
  by: z.string(),
  /** Files in it, e.g. "nginx_1.26.3-3_amd64.deb"; of bytecode not told. */
  files: z.array(z.string()),
});
export type LayerVersion = z.infer<typeof layerVersion>;

/**
 * `layers/<kind>/<key>.json`: which archive holds what belongs to a key. Written only by compare-and-swap.
 *
 * A newer one is a candidate first. The next swap's new instance tries it, and only that one; once it has the site,
 * the candidate is current. A candidate whose instance never had the site is dropped.
 */
export const packageLayer = z.strictObject({
  version: z.literal(1),
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
export const newLayer = (current: LayerVersion): Fields => ({ version: 1, current });

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

/** Packages of a machine image, or the bytecode of a release. */
export type LayerKind = "packages" | "bytecode";

export const layerDocument = (kind: LayerKind, key: string): DocumentType<PackageLayer> => ({
  key: keys.layerPointer(kind, key),
  schema: packageLayer,
});
export const packageLayerDocument = (key: string): DocumentType<PackageLayer> =>
  layerDocument("packages", key);

/**
 * The key of a release's bytecode: what the release holds, and the Python it is for.
 * @param sha256 of the release's zip.
 * @param python "3.13"
 */
export const bytecodeKey = (sha256: string, python: string): string => `${sha256}-py${python}`;

/** Packages to be there. */
export interface Wanted {
  /** With what they depend on. */
  lean: readonly string[];
  /** With what they recommend too, as `apt install` does it. */
  full?: readonly string[];
}

/**
 * The key of what must be added to a machine image so that these packages are installed. An image id names an
 * immutable set of installed packages, so the same key always means the same work.
 */
export function packageLayerKey(image: string, arch: string, wanted: Wanted): string {
  const list = (names: readonly string[] = []) => [...new Set(names)].sort();
  const inputs = [1, image, arch, list(wanted.lean), list(wanted.full)];
  return createHash("sha256").update(JSON.stringify(inputs)).digest("hex").slice(0, 32);
}
