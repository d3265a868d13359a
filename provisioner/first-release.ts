import { rm } from "node:fs/promises";
import { hostname, userInfo } from "node:os";
import path from "node:path";
import type { Clock } from "../agent/site/clock.ts";
import type { ObjectStore } from "../agent/site/store.ts";
import type { SiteConfig } from "./config/site-config.ts";
import { packRelease } from "./release/pack.ts";
import { publishRelease } from "./release/publish.ts";

/** Python of each Debian (FACTS: python3 of 12 and 13). */
const PYTHON = { "debian-12": "3.11", "debian-13": "3.13" } as const;

/** Packs the project's folder and publishes it as the candidate. @returns one line about it. */
export async function publishFirstRelease(
  config: SiteConfig,
  store: ObjectStore,
  onProgress: (text: string) => void,
  clock: Clock,
): Promise<string> {
  let told = "";
  const tell = (text: string) => {
    if (text !== told) onProgress(`  ${text}`);
    told = text;
  };
  const packed = await packRelease({
    folder: config.folder,
    python: PYTHON[config.image.os],
    arch: config.fleet.arch,
    allow: [],
    onProgress: ({ phase, detail }) => tell(detail === undefined ? phase : `${phase}: ${detail}`),
  });
  for (const warning of packed.warnings) onProgress(`  ! ${warning}`);
  try {
    const published = await publishRelease(store, packed, {
      by: `${userInfo().username}@${hostname()}`,
      clock,
    });
    return `${published.id}, ${packed.files} files, ${(packed.size / 1e6).toFixed(1)} MB`;
  } finally {
    await rm(path.dirname(packed.file), { recursive: true, force: true });
  }
}
