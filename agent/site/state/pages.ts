import type { FileHandle } from "node:fs/promises";
import { pagesOf } from "./frames.ts";

/** Buffers that one call writes; the kernel takes 1,024 (IOV_MAX). */
const AT_ONCE = 512;

/** What transactions have made of a database's pages, before it is in its file: of each page its last content. */
export class Pages {
  /** Bytes of a page. */
  readonly page: number;
  readonly #contents = new Map<number, Buffer>();
  /** Bytes of memory that what was added needs, at most. */
  #bytes = 0;
  #highest = 0;
  /** Pages of the database now, and the fewest it had meanwhile: what was behind those is gone. */
  #size: number | undefined;
  #fewest = Number.POSITIVE_INFINITY;

  constructor(page: number) {
    this.page = page;
  }

  get bytes(): number {
    return this.#bytes;
  }

  /** @param body frames; it is kept until all is written. */
  add(body: Uint8Array): void {
    this.#bytes += body.buffer.byteLength;
    for (const { number, content, pages } of pagesOf(body, this.page)) {
      this.#contents.set(number, content);
      this.#highest = Math.max(this.#highest, number);
      if (pages === 0) continue;
      this.#size = pages;
      this.#fewest = Math.min(this.#fewest, pages);
      if (pages < this.#highest) this.#cut(pages);
    }
  }

  /** Brings a file to what it is with them. Nothing is left here. */
  async writeTo(handle: FileHandle): Promise<void> {
    if ((await handle.stat()).size > this.#fewest * this.page) {
      await handle.truncate(this.#fewest * this.page);
    }
    // Pages behind it are of a transaction whose end comes yet.
    if (this.#size !== undefined) await handle.truncate(this.#size * this.page);
    const numbers = [...this.#contents.keys()].sort((a, b) => a - b);
    for (let i = 0; i < numbers.length; ) {
      const first = numbers[i] as number;
      const run: Buffer[] = [];
      while (numbers[i] === first + run.length && run.length < AT_ONCE) {
        run.push(this.#contents.get(first + run.length) as Buffer);
        i++;
      }
      await writeWhole(handle, run, (first - 1) * this.page);
    }
    this.#contents.clear();
    this.#bytes = 0;
    this.#highest = 0;
    this.#size = undefined;
    this.#fewest = Number.POSITIVE_INFINITY;
  }

  #cut(pages: number): void {
    for (const number of this.#contents.keys()) if (number > pages) this.#contents.delete(number);
    this.#highest = pages;
  }
}

/** All of it: a disk that gets full takes a part, and says why only when it is asked for the rest. */
export async function writeWhole(
  handle: FileHandle,
  parts: readonly Uint8Array[],
  position: number,
): Promise<void> {
  const length = parts.reduce((sum, part) => sum + part.length, 0);
  let { bytesWritten: done } = await handle.writev(parts, position);
  while (done < length) {
    done += (await handle.write(Buffer.concat(parts), done, length - done, position + done)).bytesWritten;
  }
}
