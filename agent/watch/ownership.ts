import { readDocument } from "../site/document.ts";
import { siteDocument } from "../site/documents/site-state.ts";
import type { ObjectStore } from "../site/store.ts";
import type { Belled } from "./bell.ts";

/**
 * Notices that another instance owns the site and serves it (its records are INSYNC). A HEAD first: the document
 * is read only when it changed.
 * @param claims also tells that another one is about to take the site: with state, what is written here is at stake then.
 */
export function ownershipWatcher(store: ObjectStore, me: string, claims = false): Belled {
  let etag: string | undefined;
  return {
    async look() {
      const head = await store.head(siteDocument.key);
      if (head === undefined || head.etag === etag) return [];
      const { value: state, etag: read } = await readDocument(store, siteDocument);
      etag = read;
      if (state === undefined || state.owner === me) return [];
      const { owner, epoch, address, privateAddress } = state;
      if (state.state === "claiming")
        return claims ? [{ kind: "claimed", by: owner, epoch, address, privateAddress }] : [];
      return [{ kind: "replaced", by: owner, epoch, address, privateAddress }];
    },
  };
}
