import { rm } from "node:fs/promises";
import path from "node:path";
import type { Clock } from "../../agent/site/clock.ts";
import type { ObjectStore } from "../../agent/site/store.ts";
import type { SiteConfig } from "../config/site-config.ts";
import { holderOf } from "../operator/holder.ts";
import { type Packed, type PackOptions, packRelease } from "../release/pack.ts";
import { publishRelease } from "../release/publish.ts";
import { tellProgress } from "../release/tell-progress.ts";

/** Python of each Debian (FACTS: python3 of 12 and 13). */
const PYTHON = { "debian-12": "3.11", "debian-13": "3.13" } as const;

/** A release of the project's folder, for the Python and the architecture of its instances. */
export const packFor = (
  config: SiteConfig,
  options: Pick<PackOptions, "allow" | "onProgress" | "signal">,
): Promise<Packed> =>
  packRelease({
    folder: config.folder,
    python: PYTHON[config.image.os],
    arch: config.fleet.arch,
    ...options,
    allow: [...config.release.allow, ...options.allow],
  });

/** Packs the project's folder and publishes it as the candidate. @returns one line about it. */
export async function publishFirstRelease(
  config: SiteConfig,
  store: ObjectStore,
  onProgress: (text: string) => void,
  clock: Clock,
): Promise<string> {
  const packed = await packFor(config, { allow: [], onProgress: tellProgress(onProgress) });
  for (const warning of packed.warnings) onProgress(`  ! ${warning}`);
  try {
    const published = await publishRelease(store, packed, {
      by: holderOf(process.env),
      clock,
    });
    return `${published.id}, ${packed.files} files, ${(packed.size / 1e6).toFixed(1)} MB`;
  } finally {
    await rm(path.dirname(packed.file), { recursive: true, force: true });
  }
}
