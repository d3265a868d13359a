import { chmod, chown, copyFile, mkdir } from "node:fs/promises";
import { dirname, join } from "node:path";
import type { KeptPlaces } from "../system/paths.ts";

/** Files that stand before the site's own Python: the gate, and who leaves checkpoints alone. */
export const PYTHON = ["everspot_state.py", "everspot_uploads.py", "sitecustomize.py"] as const;

/**
 * Makes the folders. What the app writes to belongs to its group, for whoever makes a file there (setgid).
 * @param owner the user that keeps the state, and the app's group. @param from the folder with the files of PYTHON.
 */
export async function makePlaces(
  places: KeptPlaces,
  owner: { uid: number; gid: number },
  from: string,
): Promise<void> {
  const folders: [string, number][] = [
    [places.databases, 0o2770],
    // nginx hands out what is there.
    [places.media, 0o2775],
    [places.log, 0o700],
    [places.copies, 0o2770],
    [places.private, 0o700],
    [dirname(places.lease), 0o755],
  ];
  for (const [folder, mode] of folders) {
    await mkdir(folder, { recursive: true });
    await chown(folder, owner.uid, owner.gid);
    // After the owner: a change of owner takes the set-group bit away.
    await chmod(folder, mode);
  }
  await mkdir(places.python, { recursive: true });
  for (const file of PYTHON) await copyFile(join(from, file), join(places.python, file));
}
