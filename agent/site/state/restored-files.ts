import { type FileHandle, mkdir, open, rm } from "node:fs/promises";
import path from "node:path";
import { EverspotError, messageOf } from "../errors.ts";
import type { Frames } from "./entry.ts";
import { pagesOf } from "./frames.ts";

/** Entries of a transaction whose end was not read yet. */
interface Unfinished {
  salt: string;
  to: number;
  parts: number[];
}

/** The databases of a folder while they are restored. */
export class RestoredFiles {
  readonly #folder: string;
  readonly #partOf: (seq: number) => Promise<Uint8Array>;
  readonly #open = new Map<string, FileHandle>();
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

  /** The next frames of a database. What belongs to a transaction without an end is not written. */
  async apply(frames: Frames, seq: number, body: () => Uint8Array): Promise<void> {
    const { file, salt, from, to } = frames;
    const before = this.#unfinished.get(file);
    const parts = before?.salt === salt && before.to === from ? before.parts : [];
    this.#unfinished.delete(file);
    if (frames.unfinished) {
      this.#unfinished.set(file, { salt, to, parts: [...parts, seq] });
      return;
    }
    const handle = this.#open.get(file) ?? (await this.fresh(file));
    for (const part of parts) await write(handle, frames.page, await this.#partOf(part));
    await write(handle, frames.page, body());
  }

  /** Flushed to the disk. @returns the databases there are. */
  async close(): Promise<string[]> {
    const handles = [...this.#open.values()];
    this.#open.clear();
    for (const handle of handles) {
      await handle.sync();
      await handle.close();
    }
    return [...this.#names].sort();
  }
}

async function write(handle: FileHandle, page: number, body: Uint8Array): Promise<void> {
  for (const { number, content, pages } of pagesOf(body, page)) {
    await handle.write(content, 0, page, (number - 1) * page);
    if (pages !== 0) await handle.truncate(pages * page);
  }
}
