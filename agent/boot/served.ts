import type { Machine } from "../machine/machine.ts";
import { isNewer } from "../ownership/newer.ts";
import { readDocument } from "../site/document.ts";
import { type SiteState, siteDocument } from "../site/documents/site-state.ts";

/** The instance that serves, where it is alive and one that this one may take the site from. */
export async function servedBy(
  { store, peers, identity }: Pick<Machine, "store" | "peers" | "identity">,
  launched: Date,
): Promise<SiteState | undefined> {
  const { value: record } = await readDocument(store, siteDocument);
  if (record === undefined || record.owner === identity.instance) return undefined;
  const theirs = { instance: record.owner, launched: new Date(record.launched) };
  if (!isNewer({ instance: identity.instance, launched }, theirs)) return undefined;
  return (await peers.find(record.owner))?.alive === true ? record : undefined;
}
