import type { Machine } from "../machine/machine.ts";
import { isNewer } from "../ownership/newer.ts";
import { readDocument } from "../site/document.ts";
import { type SiteState, siteDocument } from "../site/documents/site-state.ts";

/** The instance that serves, where it is alive and one that this one may take the site from. */
export async function servedBy(
  { store, peers, identity }: Pick<Machine, "store" | "peers" | "identity">,
  launched: Date,
): Promise<SiteState | undefined> {
  const { value: site } = await readDocument(store, siteDocument);
  if (site === undefined || site.owner === identity.instance) return undefined;
  const theirs = { instance: site.owner, launched: new Date(site.launched) };
  if (!isNewer({ instance: identity.instance, launched }, theirs)) return undefined;
  return (await peers.find(site.owner))?.alive === true ? site : undefined;
}
