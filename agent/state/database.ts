import { closeSync, openSync, statSync } from "node:fs";
import { DatabaseSync } from "node:sqlite";
import { EverspotError, messageOf } from "../site/errors.ts";

/** Before it, overlapping checkpoints can damage a database (https://www.sqlite.org/wal.html, "The WAL-Reset Bug"). */
const OLDEST_SQLITE = [3, 51, 3] as const;
/** Milliseconds that are waited for others while a database is opened. */
const BUSY = 5_000;
/** Milliseconds that a checkpoint waits for the app's write lock: nothing is shipped meanwhile. */
const LOCK = 200;

export interface Checkpoint {
  /** All frames are in the database's file, which does not change before the next checkpoint. */
  complete: boolean;
  /** Milliseconds that writers were held. */
  held: number;
}

/**
 * The shipper's hold on one database: a read mark at all times, so that only this process can reset the
 * write-ahead log, and the only checkpoints there are (STATE §4). All calls are synchronous.
 */
export class Database {
  readonly path: string;
  /**
   * Of the database's file, to read it. It stays open as long as the connections do: closing any descriptor of a file
   * drops the locks that SQLite holds on it in this process (https://www.sqlite.org/howtocorrupt.html, 2.2), and then
   * the app's last connection would take itself for the last one.
   */
  readonly descriptor: number;
  readonly #writer: DatabaseSync;
  readonly #reader: DatabaseSync;
  readonly #copier: DatabaseSync;

  /**
   * Makes the database one with a write-ahead log, if it is not.
   * @throws EverspotError for what is no database, or cannot be shipped.
   */
  constructor(path: string) {
    this.path = path;
    const open = () => new DatabaseSync(path, { timeout: BUSY });
    try {
      [this.#writer, this.#reader, this.#copier] = [open(), open(), open()];
      for (const connection of [this.#writer, this.#reader, this.#copier]) {
        connection.exec("PRAGMA wal_autocheckpoint=0");
      }
      const mode = this.#writer.prepare("PRAGMA journal_mode=WAL").get() as { journal_mode: string };
      if (mode.journal_mode !== "wal") throw new Error(`its journal mode stays ${mode.journal_mode}`);
    } catch (cause) {
      throw new EverspotError(`${path} cannot be kept: ${messageOf(cause)}`, {
        resource: path,
        hint: "it must be an SQLite database, not encrypted, on a disk of this machine, and not held by another program",
        cause,
      });
    }
    this.#writer.exec(`PRAGMA busy_timeout=${LOCK}`);
    this.descriptor = openSync(path, "r");
    this.#mark();
  }

  /** Bytes. */
  get page(): number {
    return (this.#writer.prepare("PRAGMA page_size").get() as { page_size: number }).page_size;
  }

  /** Inode of the write-ahead log's index: as long as it is this one, the shipper is attached. */
  get index(): number {
    return statSync(`${this.path}-shm`).ino;
  }

  /**
   * Copies the write-ahead log into the database. What no one is waited for is copied first; only the rest while
   * writers are held.
   * @param capture reads what is not in the bucket yet; it runs while no process can write. False: not now.
   */
  checkpoint(capture: () => boolean): Checkpoint {
    this.#unmark();
    this.#mark();
    this.#copy();
    try {
      this.#writer.exec("BEGIN IMMEDIATE");
    } catch {
      // A long transaction of the app: the next try comes.
      return { complete: false, held: 0 };
    }
    const begun = performance.now();
    try {
      if (!capture()) return { complete: false, held: performance.now() - begun };
      this.#unmark();
      const complete = this.#copy();
      this.#mark();
      return { complete, held: performance.now() - begun };
    } finally {
      this.#writer.exec("ROLLBACK");
    }
  }

  /** The app's connections go on without it. */
  close(): void {
    this.#unmark();
    for (const connection of [this.#copier, this.#reader, this.#writer]) connection.close();
    closeSync(this.descriptor);
  }

  #copy(): boolean {
    const done = this.#copier.prepare("PRAGMA wal_checkpoint(PASSIVE)").get() as {
      busy: number;
      log: number;
      checkpointed: number;
    };
    return done.busy === 0 && done.log === done.checkpointed;
  }

  #mark(): void {
    this.#reader.exec("BEGIN");
    this.#reader.prepare("SELECT count(*) FROM sqlite_schema").get();
  }

  #unmark(): void {
    this.#reader.exec("ROLLBACK");
  }
}

/** @throws EverspotError when this Node.js carries an SQLite that must not do checkpoints. */
export function assertSqlite(): void {
  const memory = new DatabaseSync(":memory:");
  const { version } = memory.prepare("SELECT sqlite_version() AS version").get() as { version: string };
  memory.close();
  const parts = version.split(".").map(Number);
  const differs = OLDEST_SQLITE.findIndex((least, i) => parts[i] !== least);
  if (differs === -1 || (parts[differs] ?? 0) > (OLDEST_SQLITE[differs] ?? 0)) return;
  throw new EverspotError(`SQLite ${version} must not ship databases`, {
    hint: `use a Node.js with SQLite ${OLDEST_SQLITE.join(".")} or later`,
  });
}
