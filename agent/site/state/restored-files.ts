import { type FileHandle, mkdir, open, rm } from "node:fs/promises";
import path from "node:path";
import { EverspotError, messageOf } from "../errors.ts";
import type { Frames } from "./entry.ts";
import { Pages } from "./pages.ts";

/** Bytes of pages that wait to be written, and of a transaction whose end was not read yet. */
const MOST_WAITING = 8 << 20;
const MOST_UNFINISHED = 8 << 20;

type Body = () => Uint8Array;

/** Entries of a transaction whose end was not read yet. */
interface Unfinished {
  salt: string;
  /** Frames before its first and with its last one so far. */
  from: number;
  to: number;
  /** `body`: undefined for what is too much to be kept; it is read again. */
  parts: { seq: number; body: Body | undefined }[];
}

/** The databases of a folder while they are restored. Pages are gathered: what is written over is never written. */
export class RestoredFiles {
  readonly #folder: string;
  readonly #partOf: (seq: number) => Promise<Uint8Array>;
  readonly #open = new Map<string, FileHandle>();
  readonly #pages = new Map<string, Pages>();
  readonly #unfinished = new Map<string, Unfinished>();
  readonly #names = new Set<string>();

  /** @param partOf reads the body of an entry again: a transaction may be larger than the memory. */
  constructor(folder: string, partOf: (seq: number) => Promise<Uint8Array>) {
    this.#folder = folder;
    this.#partOf = partOf;
  }

  /** Empty, whatever was there. @throws EverspotError */
  async fresh(file: string): Promise<FileHandle> {
    const at = path.join(this.#folder, file);
    try {
      await mkdir(path.dirname(at), { recursive: true });
      for (const suffix of ["", "-wal", "-shm", "-journal"]) await rm(at + suffix, { force: true });
      const handle = await open(at, "wx+", 0o660);
      this.#open.set(file, handle);
      this.#names.add(file);
      return handle;
    } catch (cause) {
      throw new EverspotError(`could not write ${at}: ${messageOf(cause)}`, {
        resource: at,
        hint: "check that the folder may be written to and has room",
        cause,
      });
    }
  }

  /** One that is there, to go on with it. @throws EverspotError */
  async existing(file: string): Promise<void> {
    const at = path.join(this.#folder, file);
    const handle = await open(at, "r+").catch((cause: unknown) => {
      throw new EverspotError(`could not write ${at}: ${messageOf(cause)}`, { resource: at, cause });
    });
    this.#open.set(file, handle);
    this.#names.add(file);
  }

  /** Whether a transaction was begun whose end was not read yet: nothing of it is written. */
  get isUnfinished(): boolean {
    return this.#unfinished.size > 0;
  }

  /**
   * The next frames of a database. What belongs to a transaction without an end is not written.
   * @param body inflates it; called at the transaction's end.
   */
  async apply(frames: Frames, seq: number, body: Body): Promise<void> {
    const { file, page, salt, from, to } = frames;
    const before = this.#unfinished.get(file);
    const follows = before?.salt === salt && before.to === from;
    const parts = follows ? before.parts : [];
    this.#unfinished.delete(file);
    if (frames.unfinished) {
      const kept = (to - (follows ? before.from : from)) * page <= MOST_UNFINISHED;
      const all = [...parts, { seq, body: kept ? body : undefined }];
      this.#unfinished.set(file, { salt, from: follows ? before.from : from, to, parts: all });
      return;
    }
    if (!this.#open.has(file)) await this.fresh(file);
    for (const part of parts) await this.#add(file, page, part.body?.() ?? (await this.#partOf(part.seq)));
    await this.#add(file, page, body());
  }

  /** Flushed to the disk. @returns the databases there are. */
  async close(): Promise<string[]> {
    const open = [...this.#open];
    this.#open.clear();
    try {
      for (const [file, handle] of open) {
        await this.#pages.get(file)?.writeTo(handle);
        await handle.sync();
      }
    } finally {
      for (const [, handle] of open) await handle.close();
    }
    return [...this.#names].sort();
  }

  /** Closed as they are: what is in them counts for nothing. */
  async abandon(): Promise<void> {
    const open = [...this.#open.values()];
    this.#open.clear();
    for (const handle of open) await handle.close();
  }

  async #add(file: string, page: number, body: Uint8Array): Promise<void> {
    const handle = this.#open.get(file) as FileHandle;
    let pages = this.#pages.get(file);
    if (pages?.page !== page) {
      await pages?.writeTo(handle);
      pages = new Pages(page);
      this.#pages.set(file, pages);
    }
    pages.add(body);
    if (pages.bytes >= MOST_WAITING) await pages.writeTo(handle);
  }
}
