import { randomUUID } from "node:crypto";
import type { Clock } from "../site/clock.ts";
import { updateDocument } from "../site/document.ts";
import { RUN_BEAT_SECONDS, type RunEnd, type RunState, stateDocument } from "../site/runs/documents.ts";
import type { ObjectStore } from "../site/store.ts";

/** Seconds for which a write is tried again. */
const PATIENCE_SECONDS = 240;

/** What this instance tells of one command: who runs it, that it still does, and how it ended. */
export class RunDocument {
  readonly #id: string;
  readonly #store: ObjectStore;
  readonly #clock: Clock;
  #state: Omit<RunState, "nonce" | "beat"> | undefined;
  #saving: Promise<unknown> = Promise.resolve();

  constructor(id: string, { store, clock }: { store: ObjectStore; clock: Clock }) {
    this.#id = id;
    this.#store = store;
    this.#clock = clock;
  }

  /** Whether this instance has the command. */
  get isMine(): boolean {
    return this.#state !== undefined;
  }

  /** Whoever creates the document has the command: that can happen once in all. @returns whether it was this call. */
  async claim(by: { instance: string; epoch: number; release: string }): Promise<boolean> {
    const claim = { version: 1 as const, ...by, taken: 0 };
    const { wrote } = await updateDocument(
      this.#store,
      stateDocument(this.#id),
      (current) => (current === undefined ? { ...claim, beat: this.#now() } : undefined),
      this.#clock,
    );
    if (wrote) this.#state = claim;
    return wrote;
  }

  /** @param parts of its input that it has read. */
  took(parts: number): void {
    if (this.#state !== undefined) this.#state.taken = parts;
    void this.#save();
  }

  /** Until the signal is aborted. */
  async beat(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      await this.#clock.sleep(RUN_BEAT_SECONDS * 1000, signal).catch(() => undefined);
      if (!signal.aborted) await this.#save();
    }
  }

  end(end: RunEnd): Promise<void> {
    return patiently(() => this.#save(end), this.#clock);
  }

  /** Only this process writes it, so one write after the other is enough. */
  #save(end?: RunEnd): Promise<void> {
    const write = async (): Promise<void> => {
      const state = { ...this.#state, beat: this.#now(), nonce: randomUUID(), ...(end && { end }) };
      await this.#store.put(stateDocument(this.#id).key, JSON.stringify(state, null, 1));
    };
    const saved = this.#saving.then(write, write);
    this.#saving = saved.catch(() => undefined);
    return end === undefined ? saved.catch(() => undefined) : saved;
  }

  #now(): string {
    return new Date(this.#clock.now()).toISOString();
  }
}

/** Writes to a bucket that may be out of reach for a while. */
export async function patiently(write: () => Promise<unknown>, clock: Clock): Promise<void> {
  const until = clock.now() + PATIENCE_SECONDS * 1000;
  for (;;) {
    try {
      await write();
      return;
    } catch (error) {
      if (clock.now() > until) throw error;
      await clock.sleep(2000);
    }
  }
}
