import { randomUUID } from "node:crypto";
import type { Clock } from "../../agent/site/clock.ts";
import { type Read, readDocument, updateDocument } from "../../agent/site/document.ts";
import { type DeployState, deployDocument, isDeploying } from "../../agent/site/documents/deploy-state.ts";
import { EverspotError } from "../../agent/site/errors.ts";
import type { ObjectStore } from "../../agent/site/store.ts";
import { age } from "../operator/terminal.ts";

/** A holder that cannot write stops at half the silence that makes it dead: before anyone else may take over. */
const HEARTBEAT_SECONDS = 10;
const SILENT_SECONDS = 60;

/** What a holder writes down while it works. */
export type Note = Partial<Pick<DeployState, "step" | "release" | "old" | "before" | "pause" | "takes">>;

type Fields = Omit<DeployState, "nonce">;

export interface Taken {
  lock: DeployLock;
  /** A deploy that was never ended: what it left must be recovered first. Its notes stay until then. */
  leftover: DeployState | undefined;
}

/**
 * Takes `deploy.json`: one deploy at a time (DESIGN §9). Its heartbeat goes on until `end`, `leave` or `stop`. Times
 * are the store's where it gives them.
 * @param force takes it from a holder that is alive, too.
 * @throws EverspotError when someone else holds it: who, since when, and at which step.
 */
export async function takeLock(
  store: ObjectStore,
  options: { kind: DeployState["kind"]; by: string; step: string; clock: Clock; force?: boolean },
): Promise<Taken> {
  const { kind, by, step, clock } = options;
  const id = randomUUID();
  let leftover: DeployState | undefined;
  const taken = await updateDocument(
    store,
    deployDocument,
    (current, date): Fields | undefined => {
      if (current?.id === id) return undefined;
      const now = date?.getTime() ?? clock.now();
      if (isDeploying(current, now) && options.force !== true) throw busy(store, current, now);
      leftover = current?.state === "running" ? current : undefined;
      const time = new Date(now).toISOString();
      return {
        version: 1,
        id,
        kind,
        by,
        state: "running",
        step,
        started: time,
        heartbeat: time,
        ...(leftover === undefined ? {} : notesOf(leftover)),
      };
    },
    clock,
  );
  return { lock: new DeployLock(store, { id, started: taken.value?.started ?? "" }, clock, taken), leftover };
}

/** Before long work that needs no lock. @throws EverspotError when someone else holds it now, as `takeLock` would. */
export async function refuseIfHeld(store: ObjectStore, clock: Clock): Promise<void> {
  const { value, date } = await readDocument(store, deployDocument);
  const now = date?.getTime() ?? clock.now();
  if (isDeploying(value, now)) throw busy(store, value, now);
}

const notesOf = ({ release, old, before }: DeployState): Note => ({ release, old, before });

function busy(store: ObjectStore, holder: DeployState | undefined, now: number): EverspotError {
  const since = holder?.started ?? "";
  return new EverspotError(
    `${holder?.by} has been deploying since ${since} (${age(now - Date.parse(since))}), now at: ${holder?.step}`,
    {
      resource: `${store.url}/${deployDocument.key}`,
      hint: "wait until it is over, or stop it with `everspot deploy --abort`",
    },
  );
}

/** The lock while it is held. */
export class DeployLock {
  readonly id: string;
  /** When it was taken, ISO 8601. */
  readonly started: string;
  readonly #store: ObjectStore;
  readonly #clock: Clock;
  readonly #lost = new AbortController();
  readonly #over = new AbortController();
  readonly #beating: Promise<void>;
  /** One write at a time, in the order asked for. */
  #queue: Promise<unknown> = Promise.resolve();
  /** What was written last, and this computer's time of it: nobody else writes while the lock is held. */
  #last: { read: Read<DeployState>; at: number };

  constructor(
    store: ObjectStore,
    { id, started }: Pick<DeployState, "id" | "started">,
    clock: Clock,
    taken: Read<DeployState>,
  ) {
    this.#last = { read: taken, at: clock.now() };
    this.id = id;
    this.started = started;
    this.#store = store;
    this.#clock = clock;
    this.#beating = this.#beat();
  }

  /** Aborted, with an EverspotError, when this deploy is no longer ours: nothing must be changed from then on. */
  get lost(): AbortSignal {
    return this.#lost.signal;
  }

  /** Notes what is done next; undefined removes a note. @throws EverspotError when the lock was lost. */
  async note(note: { [K in keyof Note]: Note[K] | undefined }): Promise<void> {
    await this.#write((current) => withNote(current, note));
    this.#lost.signal.throwIfAborted();
  }

  /** It is over and nothing is left to recover. @throws EverspotError when the lock was lost. */
  async end(state: "done" | "failed" | "aborted", reason?: string): Promise<void> {
    await this.stop();
    await this.#write((current) => ({ ...current, state, reason: reason ?? current.reason }));
    this.#lost.signal.throwIfAborted();
  }

  /** It is over and something is left to recover: whoever comes next may take the lock at once and do so. */
  async leave(reason: string): Promise<void> {
    await this.stop();
    await this.#write((current) => ({ ...current, heartbeat: new Date(0).toISOString(), reason }));
  }

  /** No heartbeat after this. Idempotent. */
  async stop(): Promise<void> {
    this.#over.abort();
    await this.#beating;
  }

  async #beat(): Promise<void> {
    let last = this.#clock.now();
    for (;;) {
      await this.#clock.sleep(HEARTBEAT_SECONDS * 1000, this.#over.signal).catch(() => undefined);
      if (this.#over.signal.aborted || this.#lost.signal.aborted) return;
      try {
        await this.#write((current) => current);
        last = this.#clock.now();
      } catch (error) {
        if (this.#clock.now() - last < SILENT_SECONDS * 1000) continue;
        this.#lose(`the bucket could not be written for ${SILENT_SECONDS} s`, error);
      }
    }
  }

  #lose(why: string, cause?: unknown): void {
    this.#lost.abort(
      new EverspotError(`this deploy had to stop: ${why}`, {
        resource: `${this.#store.url}/${deployDocument.key}`,
        hint: "nothing was undone; `everspot deploy --abort`, the next deploy or the site itself cleans up",
        cause,
      }),
    );
  }

  #write(change: (current: Fields) => Fields): Promise<void> {
    const write = async () => {
      if (this.#lost.signal.aborted) return;
      const { date } = this.#last.read;
      const passed = this.#clock.now() - this.#last.at;
      const read = await updateDocument(
        this.#store,
        deployDocument,
        (current, date) => {
          if (current?.id !== this.id || current.state !== "running") {
            this.#lose(current === undefined ? "deploy.json is gone" : `${current.by} took over`);
            return undefined;
          }
          const heartbeat = (date ?? new Date(this.#clock.now())).toISOString();
          return change({ ...current, heartbeat });
        },
        this.#clock,
        { ...this.#last.read, ...(date && { date: new Date(date.getTime() + passed) }) },
      );
      this.#last = { read, at: this.#clock.now() };
    };
    const written = this.#queue.then(write, write);
    this.#queue = written.catch(() => undefined);
    return written;
  }
}

function withNote(current: Fields, note: { [K in keyof Note]: Note[K] | undefined }): Fields {
  const next = { ...current, ...note };
  return { ...next, version: versionOf(next), step: next.step ?? current.step };
}

/** The lowest that has a place for what is noted (agent/site/document.ts). */
const versionOf = ({ pause, takes }: Pick<Note, "pause" | "takes">): 1 | 2 | 3 => {
  if (takes !== undefined) return 3;
  return pause === undefined ? 1 : 2;
};
