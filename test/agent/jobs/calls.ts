import { setImmediate as turn } from "node:timers/promises";
import type { ObjectStore } from "../../../agent/site/store.ts";
import { Traffic } from "../../cloud/traffic.ts";

/**
 * Whether anybody waits for the bucket or for the disk: a call counts from its begin on, also while the SDK makes its
 * request ready.
 */
export class Calls {
  readonly #traffic = new Traffic();
  #open = 0;

  stop(): void {
    this.#traffic.stop();
  }

  /** The same store. */
  of(store: ObjectStore): ObjectStore {
    const counted =
      <A extends unknown[], T>(call: (...args: A) => Promise<T>) =>
      async (...args: A): Promise<T> => {
        this.#open++;
        try {
          return await call(...args);
        } finally {
          this.#open--;
        }
      };
    const { get, head, put, list } = store;
    return { ...store, get: counted(get), head: counted(head), put: counted(put), list: counted(list) };
  }

  /** Resolves when no one does, and whoever went on from that has done so. */
  async quiet(): Promise<void> {
    do {
      while (this.#open > 0) await turn();
      await this.#traffic.quiet();
    } while (this.#open > 0);
  }
}
