/** Layers: pieces of a machine kept in the bucket, so that a replacement needs nothing but the bucket (DESIGN §2.1). */
import { createHash } from "node:crypto";
import * as z from "zod";
import type { DocumentType } from "./document.ts";
import { keys } from "./names.ts";

const layerVersion = z.strictObject({
  /** Of the archive; also its name: `layers/packages/<sha256>.tar.gz`. */
  sha256: z.string().regex(/^[0-9a-f]{64}$/),
  /** Bytes. */
  size: z.int().nonnegative(),
  created: z.iso.datetime(),
  /** Instance that made it. */
  by: z.string(),
  /** Files in it, e.g. "nginx-light_1.26.3-3_amd64.deb". */
  files: z.array(z.string()),
});
export type LayerVersion = z.infer<typeof layerVersion>;

/** `layers/packages/<key>.json`: which archive holds the packages of a key. Written only by compare-and-swap. */
export const packageLayer = z.strictObject({
  version: z.literal(1),
  nonce: z.string(),
  current: layerVersion,
});
export type PackageLayer = z.infer<typeof packageLayer>;

export const packageLayerDocument = (key: string): DocumentType<PackageLayer> => ({
  key: keys.layerPointer("packages", key),
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
 * The key of what must be added to a machine image so that these packages are installed. An image id names an
 * immutable set of installed packages, so the same key always means the same work.
 */
export function packageLayerKey(image: string, arch: string, wanted: Wanted): string {
  const list = (names: readonly string[] = []) => [...new Set(names)].sort();
  const inputs = [1, image, arch, list(wanted.lean), list(wanted.full)];
  return createHash("sha256").update(JSON.stringify(inputs)).digest("hex").slice(0, 32);
}
