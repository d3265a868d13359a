import { ensureDropIns } from "../system/drop-ins.ts";
import { run } from "../system/run.ts";
import type { Units } from "../system/units.ts";
import { crowdRules } from "./crowd-rules.ts";
import { type MetadataEndpoint, metadataDropIn, metadataRules } from "./metadata-rules.ts";

/**
 * Keeps users from the metadata service, and with it from the instance's role (DESIGN §2.8): the app's, and that of what
 * keeps the site's state.
 * @param unitFiles folder of systemd units that a reboot empties. @throws EverspotError: the app must not start then.
 */
export async function isolateMetadata(
  units: Units,
  unitFiles: string,
  endpoint: MetadataEndpoint,
  uids: readonly number[],
): Promise<void> {
  await run("nft", ["-f", "-"], {
    input: metadataRules(endpoint, uids),
    hint: "the app does not start without this rule; is the kernel's nf_tables available?",
  });
  const dropIn = metadataDropIn(endpoint);
  await ensureDropIns(units, unitFiles, {
    "everspot-.service.d/metadata.conf": dropIn,
    "site-.service.d/metadata.conf": dropIn,
  });
}

/** Keeps one visitor from keeping out all others. @throws EverspotError if the kernel cannot; the site can do without. */
export async function limitCrowds(): Promise<void> {
  await run("nft", ["-f", "-"], { input: crowdRules });
}
