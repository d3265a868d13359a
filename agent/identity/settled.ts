import type { Metadata } from "../ports/metadata.ts";
import { omitUndefined } from "../site/omit-undefined.ts";
import { run } from "../system/run.ts";
import { type Identity, readIdentity } from "./identity.ts";
import { type OriginDisk, settleIn } from "./origin.ts";

/** Who this machine is, on a disk that is its own from here on. Safe to repeat. @throws EverspotError */
export async function settledIdentity(metadata: Metadata, disk: OriginDisk): Promise<Identity> {
  const found = await readIdentity(metadata);
  const { image, copyOf, newMachineId } = await settleIn(found, disk);
  // Running programs keep the id they have read; the journal is looked for under the new one.
  if (newMachineId) void run("systemctl", ["restart", "systemd-journald"]).catch(() => undefined);
  return { ...found, base: image, ...omitUndefined({ copyOf }) };
}
