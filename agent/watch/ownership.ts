import { readDocument } from "../site/document.ts";
import { siteDocument } from "../site/records.ts";
import type { ObjectStore } from "../site/store.ts";
import type { Belled } from "./bell.ts";

/**
 * Notices that another instance owns the site and serves it (its records are INSYNC). A HEAD first: the document
 * is read only when it changed.
 */
export function ownershipWatcher(store: ObjectStore, me: string): Belled {
  let etag: string | undefined;
  return {
    async look() {
      const head = await store.head(siteDocument.key);
      if (head === undefined || head.etag === etag) return [];
      const { value: state, etag: read } = await readDocument(store, siteDocument);
      etag = read;
      if (state === undefined || state.owner === me || state.state === "claiming") return [];
      const { owner, epoch, address, privateAddress } = state;
      return [{ kind: "replaced", by: owner, epoch, address, privateAddress }];
    },
  };
}
