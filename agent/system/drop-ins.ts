import { mkdir } from "node:fs/promises";
import { dirname, join } from "node:path";
import { readIfThere, writeAtomic } from "./files.ts";
import { APP_UNITS } from "./paths.ts";
import type { Units } from "./units.ts";

/**
 * Adds to what the units of the site's code are. Safe to repeat.
 * @param unitFiles folder of systemd units. @param files by their path in it.
 */
export async function ensureDropIns(
  units: Units,
  unitFiles: string,
  files: Readonly<Record<string, string>>,
): Promise<void> {
  let changed = false;
  for (const [path, text] of Object.entries(files)) {
    const file = join(unitFiles, path);
    if ((await readIfThere(file)) === text) continue;
    await mkdir(dirname(file), { recursive: true });
    await writeAtomic(file, text, 0o644);
    changed = true;
  }
  // They are read with the first unit that they are for; only those that are loaded already have to be read again (0.2 s).
  if (changed && (await units.list(APP_UNITS)).length > 0) await units.readFiles();
}
