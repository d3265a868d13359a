import { lstat, mkdir, rm } from "node:fs/promises";
import { dirname, join } from "node:path";
import type { BootConfig } from "../../user-data/boot-config.ts";
import { isInAppFolder, keptName } from "../site/config/state.ts";
import { pointLink } from "../system/files.ts";
import type { KeptPlaces } from "../system/paths.ts";

/**
 * Has a release find what is kept where `[state]` says: each database and the folder of uploads is a link out of the
 * release. What the release itself has at that place is of no use. Safe to repeat.
 */
export async function linkKept(
  release: string,
  { database, media }: NonNullable<BootConfig["state"]>,
  places: Pick<KeptPlaces, "databases" | "media">,
): Promise<void> {
  const links: [string, string][] = database
    .filter((path) => !isInAppFolder(path))
    .map((path) => [path, join(places.databases, keptName(path))]);
  if (media !== undefined && !isInAppFolder(media)) links.push([media, places.media]);
  for (const [path, target] of links) {
    const link = join(release, path);
    await mkdir(dirname(link), { recursive: true, mode: 0o755 });
    const there = await lstat(link).catch(() => undefined);
    if (there !== undefined && !there.isSymbolicLink()) await rm(link, { recursive: true });
    await pointLink(link, target);
  }
}
