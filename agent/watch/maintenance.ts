import { readDocument } from "../site/document.ts";
import { maintenanceDocument } from "../site/documents/maintenance.ts";
import type { ObjectStore } from "../site/store.ts";
import type { Belled } from "./bell.ts";

/**
 * Notices that maintenance begins, changes, or ends. A HEAD first: the document is read only when it changed.
 * @param here whether this machine is in maintenance, as it was left by its boot or an agent before this one.
 */
export function maintenanceWatcher(store: ObjectStore, here: () => Promise<boolean>): Belled {
  let etag: string | undefined;
  return {
    async look() {
      const head = await store.head(maintenanceDocument.key);
      if (head === undefined || head.etag === etag) return [];
      const { value: state, etag: read } = await readDocument(store, maintenanceDocument);
      const first = etag === undefined;
      etag = read;
      if (state === undefined || (first && !state.on && !(await here()))) return [];
      return [{ kind: "maintenance", state }];
    },
  };
}
