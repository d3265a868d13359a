/** Where this machine's disk comes from: it may be a copy that was taken of another machine while that ran. */
import { randomUUID } from "node:crypto";
import { mkdir, readdir, rm } from "node:fs/promises";
import { dirname, join } from "node:path";
import { readIfThere, writeAtomic } from "../system/files.ts";
import type { Identity } from "./identity.ts";

export interface OriginDisk {
  /** Holds which instance has the disk, and which image it began as. */
  file: string;
  machineId: string;
  /** Folders of what belongs to one machine alone; emptied on another. */
  own: readonly string[];
  /** Folder with one folder per instance, as cloud-init keeps it. */
  instances: string;
  /** Folder with one folder per machine id, as the journal is kept. */
  journal: string;
}

export const originDisk: OriginDisk = {
  file: "/var/lib/everspot/origin.json",
  machineId: "/etc/machine-id",
  // What a site keeps is in its bucket; what lies here of it is of another time.
  own: ["/var/lib/everspot-app", "/var/lib/everspot-state", "/var/log/nginx"],
  instances: "/var/lib/cloud/instances",
  journal: "/var/log/journal",
};

export interface Origin {
  /** The image whose packages the disk had at first; a copy's is that of the machine it was made from. */
  image: string;
  /** The instance this is a copy of; undefined for one that began with the image itself. */
  copyOf: string | undefined;
  /** Whether the machine's id differs from the one that running programs have read. */
  newMachineId: boolean;
}

/**
 * Makes a copy of another machine's disk this machine's own, before anything uses what is on it. What an image must
 * not bring along is dealt with in three places: keys, secrets, the forwarding marker and everything else below /run
 * are in memory and so in no image; the app's data, nginx's logs, the journal, cloud-init's notes and the machine id
 * of the other machine go here; cloud-init itself makes a new hostname and SSH host keys for another instance id.
 * Safe to repeat; a second run changes nothing.
 */
export async function settleIn(
  { instance, image }: Pick<Identity, "instance" | "image">,
  disk: OriginDisk,
): Promise<Origin> {
  const before = parse(await readIfThere(disk.file));
  if (before?.instance === instance) return { image: before.image, copyOf: undefined, newMachineId: false };
  const machineId = (await readIfThere(disk.machineId))?.trim() ?? "";
  let newId = machineId;
  if (before !== undefined) {
    for (const folder of disk.own) await empty(folder);
    await empty(disk.instances, instance);
    if (machineId === before.machineId) {
      newId = randomUUID().replaceAll("-", "");
      await writeAtomic(disk.machineId, `${newId}\n`, 0o444);
    }
    await rm(join(disk.journal, before.machineId || "none"), { recursive: true, force: true });
  }
  const origin = { instance, image: before?.image ?? image, machineId: newId };
  await mkdir(dirname(disk.file), { recursive: true });
  await writeAtomic(disk.file, JSON.stringify(origin), 0o644);
  return { image: origin.image, copyOf: before?.instance, newMachineId: newId !== machineId };
}

interface Written {
  instance: string;
  image: string;
  machineId: string;
}

/** Undefined for what a power cut left: the disk then counts as its machine's own. */
function parse(text: string | undefined): Written | undefined {
  try {
    const { instance, image, machineId } = JSON.parse(text ?? "") as Record<string, unknown>;
    if (typeof instance !== "string" || typeof image !== "string" || typeof machineId !== "string")
      return undefined;
    return { instance, image, machineId };
  } catch {
    return undefined;
  }
}

/** The folder stays, and so does `keep` in it. */
async function empty(folder: string, keep?: string): Promise<void> {
  const names = await readdir(folder).catch(() => []);
  for (const name of names) if (name !== keep) await rm(join(folder, name), { recursive: true, force: true });
}
