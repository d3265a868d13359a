import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import { readIfThere, writeAtomic } from "../system/files.ts";
import { APP_UNITS } from "../system/paths.ts";
import { run } from "../system/run.ts";
import type { Units } from "../system/units.ts";
import { type MetadataEndpoint, metadataDropIn, metadataRules } from "./metadata-rules.ts";

/**
 * Keeps the app's user from the metadata service, and with it from the instance's role (DESIGN §2.8).
 * @param unitFiles folder of systemd units that a reboot empties. @throws EverspotError: the app must not start then.
 */
export async function isolateMetadata(
  units: Units,
  unitFiles: string,
  endpoint: MetadataEndpoint,
  uid: number,
): Promise<void> {
  await run("nft", ["-f", "-"], {
    input: metadataRules(endpoint, uid),
    hint: "the app does not start without this rule; is the kernel's nf_tables available?",
  });
  const folder = join(unitFiles, "everspot-.service.d");
  const file = join(folder, "metadata.conf");
  const dropIn = metadataDropIn(endpoint);
  if ((await readIfThere(file)) === dropIn) return;
  await mkdir(folder, { recursive: true });
  await writeAtomic(file, dropIn, 0o644);
  // It is read with the first unit that it is for; only those that are loaded already have to be read again (0.2 s).
  if ((await units.list(APP_UNITS)).length > 0) await units.readFiles();
}
