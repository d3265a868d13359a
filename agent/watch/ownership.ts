import { readDocument } from "../site/document.ts";
import { siteDocument } from "../site/records.ts";
import type { ObjectStore } from "../site/store.ts";
import type { Watcher } from "./loop.ts";

/** Seconds between two looks; the fewer while a hand-over is expected. */
const EVERY_SECONDS = { expected: 1, otherwise: 10 };

/**
 * Notices that another instance owns the site and serves it (its records are INSYNC). A HEAD first: the document
 * is read only when it changed.
 */
export function ownershipWatcher(store: ObjectStore, me: string, handOverExpected: () => boolean): Watcher {
  let etag: string | undefined;
  return {
    name: "ownership",
    get everySeconds() {
      return handOverExpected() ? EVERY_SECONDS.expected : EVERY_SECONDS.otherwise;
    },
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
