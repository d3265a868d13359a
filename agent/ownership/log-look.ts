import { decodeEntry, type Header } from "../site/state/entry.ts";
import { LOG_PREFIX, logKey, seqOf } from "../site/state/keys.ts";
import type { ObjectStore } from "../site/store.ts";

/** Entries read side by side: a fence alone stands on sixteen numbers. */
const AT_ONCE = 20;
/** Entries back from the end that are read where nothing is known: more than an owner writes in two minutes. */
const BACK = 400;

/** What the log says after a number. */
export interface LogSeen {
  /** The highest epoch that has fenced the log, or had it when the look began. */
  epoch: number;
  /** Its owner has ended, or has not begun. */
  sealed: boolean;
  /** Its owner is open: what it writes counts, whatever else happens. */
  opened: boolean;
}

/**
 * Follows the log with a GET at a time. It only tells when to try something: who has the log is found out by fencing it,
 * for an entry may come to stand in a gap later.
 */
export class LogLook {
  readonly #store: Pick<ObjectStore, "get" | "url">;
  #next: number;
  #seen: LogSeen;

  /** @param after the last number that is known. @param epoch that had the log there. */
  constructor(store: Pick<ObjectStore, "get" | "url">, after: number, epoch: number) {
    this.#store = store;
    this.#next = after + 1;
    this.#seen = { epoch, sealed: false, opened: false };
  }

  /** For one who does not know where the log is, and asks about a claim of the last minutes. */
  static async atEnd(store: Pick<ObjectStore, "get" | "list" | "url">): Promise<LogLook> {
    const last = seqOf((await store.list(LOG_PREFIX)).at(-1)?.key ?? "") ?? 0;
    return new LogLook(store, Math.max(0, last - BACK), 0);
  }

  async look(): Promise<LogSeen> {
    for (let width = 1; ; width = AT_ONCE) {
      const keys = Array.from({ length: width }, (_, i) => logKey(this.#next + i));
      const found = await Promise.all(keys.map((key) => this.#store.get(key)));
      for (const [i, one] of found.entries()) {
        if (one === undefined) return this.#seen;
        const { header } = decodeEntry(one.body, `${this.#store.url}/${keys[i]}`);
        this.#seen = after(this.#seen, header);
        this.#next++;
      }
    }
  }
}

/** An entry counts only while its epoch is the highest fenced so far (STATE §5). What a migration writes comes before `open`. */
export function after(seen: LogSeen, { kind, epoch }: Pick<Header, "kind" | "epoch">): LogSeen {
  if (epoch < seen.epoch) return seen;
  const since = epoch > seen.epoch ? { epoch, sealed: false, opened: false } : seen;
  if (kind === "seal") return { ...since, sealed: true };
  return kind === "open" ? { ...since, opened: true } : since;
}
