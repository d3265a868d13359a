import type { Entry } from "../../../agent/logs/entry.ts";
import type { OpenTail } from "../../../agent/logs/journal.ts";

/** A journal in memory, with journald's cursors. */
export class Journal {
  readonly entries: Entry[] = [];
  /** Cursors from which it was read. */
  readonly opened: (string | undefined)[] = [];
  readonly #readers = new Set<() => void>();
  #number = 0;

  /** @param more e.g. another unit. */
  write(text: string, at: number, more: Partial<Entry> = {}): void {
    const cursor = `s=abc;i=${(++this.#number).toString(16)};b=b1;m=1;t=1;x=1`;
    this.entries.push({
      ...{ cursor, at, lines: text.split("\n"), unit: "everspot-app@r1.service", about: undefined },
      ...{ identifier: undefined, priority: 6 },
      ...more,
    });
    for (const wake of this.#readers) wake();
  }

  /** journald makes room. */
  forget(count: number): void {
    this.entries.splice(0, count);
  }

  readonly tail: OpenTail = (after) => {
    this.opened.push(after);
    const numberOf = (cursor = "s=abc;i=0;") => Number.parseInt(/i=([0-9a-f]+)/.exec(cursor)?.[1] ?? "0", 16);
    let read = numberOf(after);
    let closed = false;
    const events = new EventTarget();
    const wake = () => events.dispatchEvent(new Event("more"));
    this.#readers.add(wake);
    const left = () => this.entries.filter((e) => numberOf(e.cursor) > read);
    return {
      take: () => {
        const taken = left();
        read = numberOf(taken.at(-1)?.cursor ?? after);
        return taken;
      },
      filled: (signal) =>
        new Promise((resolve, reject) => {
          if (left().length > 0 || closed) return resolve();
          events.addEventListener("more", () => resolve(), { once: true });
          signal.addEventListener("abort", () => reject(signal.reason), { once: true });
        }),
      full: false,
      get ended() {
        return closed ? "closed" : undefined;
      },
      close: () => {
        closed = true;
        this.#readers.delete(wake);
        wake();
      },
    };
  };
}
