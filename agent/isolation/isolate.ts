import { ensureDropIns } from "../system/drop-ins.ts";
import { run } from "../system/run.ts";
import type { Units } from "../system/units.ts";
import { crowdRules } from "./crowd-rules.ts";
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
  await ensureDropIns(units, unitFiles, { "everspot-.service.d/metadata.conf": metadataDropIn(endpoint) });
}

/** Keeps one visitor from keeping out all others. @throws EverspotError if the kernel cannot; the site can do without. */
export async function limitCrowds(): Promise<void> {
  await run("nft", ["-f", "-"], { input: crowdRules });
}
