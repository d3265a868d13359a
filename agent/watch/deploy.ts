import type { Clock } from "../site/clock.ts";
import { readDocument } from "../site/document.ts";
import { type DeployState, deployDocument, isDeploying } from "../site/documents/deploy-state.ts";
import type { ObjectStore } from "../site/store.ts";
import type { Belled } from "./bell.ts";

/**
 * Notices that a deploy begins, names its release, or is over; one whose holder is dead is over. A HEAD first: the
 * document is read only when it changed.
 */
export function deployWatcher(store: ObjectStore, clock: Clock): Belled {
  let etag: string | undefined;
  let last: DeployState | undefined;
  /** The store's clock minus ours, in milliseconds. */
  let ahead = 0;
  let reported = "";
  return {
    async look() {
      const head = await store.head(deployDocument.key);
      if (head?.etag !== etag) {
        const read = await readDocument(store, deployDocument);
        [etag, last] = [read.etag, read.value];
        if (read.date !== undefined) ahead = read.date.getTime() - clock.now();
      }
      const running = isDeploying(last, clock.now() + ahead) ? last : undefined;
      const now =
        running === undefined
          ? ""
          : [running.id, running.kind, running.release, running.takes && "takes"].join(" ");
      if (now === reported) return [];
      reported = now;
      return [{ kind: "deploy", running }];
    },
  };
}
