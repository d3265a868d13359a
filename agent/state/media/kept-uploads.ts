import { closeSync, fdatasyncSync, openSync, readFileSync, renameSync, writeSync } from "node:fs";
import path from "node:path";
import * as z from "zod/mini";
import type { Upload } from "../../site/state/entry.ts";

/** An upload there is by the log, and what this disk has of it. */
export interface KeptUpload {
  sha256: string;
  size: number;
  /** Fingerprint of the file that has this content. */
  seen?: string | undefined;
  /** Inode of the empty file that stands for it: its content was not fetched yet. */
  absent?: string | undefined;
}

const line = z.strictObject({
  name: z.string(),
  sha256: z.optional(z.string()),
  size: z.optional(z.int()),
  seen: z.optional(z.string()),
  absent: z.optional(z.string()),
});

export const uploadsFile = (folder: string): string => path.join(folder, "uploads.jsonl");

/**
 * The uploads there are by the log, by their names; on the disk one line for each change. A line is there before the
 * place of the log that it belongs to is kept (kept.ts): reading the log again from an older place changes nothing.
 */
export class KeptUploads implements Iterable<readonly [string, KeptUpload]> {
  readonly #descriptor: number;
  readonly #uploads: Map<string, KeptUpload>;

  private constructor(file: string, uploads: Map<string, KeptUpload>) {
    this.#uploads = uploads;
    this.#descriptor = openSync(`${file}.part`, "w", 0o600);
    this.#write([...uploads].map(([name, upload]) => ({ name, ...upload })));
    fdatasyncSync(this.#descriptor);
    renameSync(`${file}.part`, file);
  }

  /** As a take-over found them. */
  static fresh(file: string, uploads: Iterable<readonly [string, KeptUpload]>): KeptUploads {
    return new KeptUploads(file, new Map(uploads));
  }

  /** As a run before left them. */
  static read(file: string): KeptUploads {
    return new KeptUploads(file, readLines(file));
  }

  get size(): number {
    return this.#uploads.size;
  }

  /** How many have only their name here. */
  get absent(): number {
    let count = 0;
    for (const { absent } of this.#uploads.values()) if (absent !== undefined) count++;
    return count;
  }

  get(name: string): KeptUpload | undefined {
    return this.#uploads.get(name);
  }

  names(): IterableIterator<string> {
    return this.#uploads.keys();
  }

  [Symbol.iterator](): IterableIterator<[string, KeptUpload]> {
    return this.#uploads.entries();
  }

  /** An entry of the log says so. */
  logged(uploads: readonly Upload[]): void {
    if (uploads.length === 0) return;
    for (const { name, sha256, size = 0 } of uploads) {
      const known = this.#uploads.get(name);
      if (sha256 === undefined) this.#uploads.delete(name);
      else if (known?.sha256 !== sha256) this.#uploads.set(name, { sha256, size });
    }
    this.#write(uploads.map(({ name }) => ({ name, ...this.#uploads.get(name) })));
    fdatasyncSync(this.#descriptor);
  }

  /** The file of this name has the content that the log says. */
  saw(name: string, seen: string): void {
    this.#change(name, { seen, absent: undefined });
  }

  /** A file without its content stands for it. */
  standsFor(name: string, absent: string): void {
    this.#change(name, { seen: undefined, absent });
  }

  close(): void {
    closeSync(this.#descriptor);
  }

  #change(name: string, about: Pick<KeptUpload, "seen" | "absent">): void {
    const known = this.#uploads.get(name);
    if (known === undefined) return;
    Object.assign(known, about);
    this.#write([{ name, ...known }]);
  }

  #write(lines: readonly object[]): void {
    if (lines.length === 0) return;
    writeSync(this.#descriptor, `${lines.map((one) => JSON.stringify(one)).join("\n")}\n`);
  }
}

/** What cannot be read was being written when the machine stopped; the log has it. */
function readLines(file: string): Map<string, KeptUpload> {
  const uploads = new Map<string, KeptUpload>();
  let text = "";
  try {
    text = readFileSync(file, "utf8");
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "ENOENT") throw error;
  }
  for (const one of text.split("\n")) {
    const parsed = z.safeParse(line, parse(one));
    if (!parsed.success) continue;
    const { name, sha256, size = 0, ...about } = parsed.data;
    if (sha256 === undefined) uploads.delete(name);
    else uploads.set(name, { sha256, size, ...about });
  }
  return uploads;
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
