/** What makes nginx give visitors a page instead of the site (serving/nginx-locations.ts), without a reload. */
import { mkdir, readdir, rm, stat } from "node:fs/promises";
import { dirname, join } from "node:path";
import type { MaintenanceState } from "../site/documents/maintenance.ts";
import { writeAtomic } from "../system/files.ts";

export interface MaintenancePlaces {
  marker: string;
  page: string;
  allowed: string;
}

/** Safe to repeat, and with another state. @param state undefined: there never was any maintenance. */
export async function layOutMaintenance(
  { marker, page, allowed }: MaintenancePlaces,
  state: Pick<MaintenanceState, "on" | "allow" | "page"> | undefined,
): Promise<void> {
  if (state === undefined || !state.on) return rm(marker, { force: true });
  await mkdir(allowed, { recursive: true, mode: 0o755 });
  await writeAtomic(page, state.page ?? ownPage, 0o644);
  for (const address of state.allow) await writeAtomic(join(allowed, address), "", 0o644);
  for (const address of await readdir(allowed))
    if (!state.allow.includes(address)) await rm(join(allowed, address), { force: true });
  await mkdir(dirname(marker), { recursive: true });
  await writeAtomic(marker, "", 0o644);
}

export const isInMaintenance = ({ marker }: Pick<MaintenancePlaces, "marker">): Promise<boolean> =>
  stat(marker).then(
    () => true,
    () => false,
  );

const ownPage = [
  "<!doctype html><html lang=en><meta charset=utf-8>",
  "<meta name=viewport content=width=device-width>",
  "<title>Down for maintenance</title>",
  "<style>:root{color-scheme:light dark}body{font:1.1rem/1.5 system-ui,sans-serif;margin:20vh auto;max-width:28rem;padding:0 1rem}</style>",
  "<h1>Down for maintenance</h1>",
  "<p>This site will be back in a while.</p></html>",
].join("");
