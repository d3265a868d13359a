import { once } from "node:events";
import type { Readable } from "node:stream";
import type { Clock } from "../site/clock.ts";
import { PART_BYTES } from "../site/runs/documents.ts";
import { type Piece, packOutput, type Stream } from "../site/runs/output.ts";

/** Milliseconds that what was written waits for more: little where someone waits for an answer, more in a flood. */
const WAIT_MS = { after: 100, flood: 1_000 };
/** Milliseconds without output after which it is no flood. */
const QUIET_MS = 2_000;

export interface OutboxOptions {
  clock: Clock;
  /** Keeps one part of the output, by its number from 0. Parts come one after the other. @throws to end it all. */
  put(part: number, bytes: Uint8Array): Promise<void>;
  /** Bytes, of all parts together. */
  limit: number;
}

/** @returns how many parts there are. @throws OutputLimit, or whatever `put` throws: then no more is read. */
export async function shipOutput(
  { stdout, stderr }: Readonly<Record<Stream, Readable>>,
  { clock, put, limit }: OutboxOptions,
): Promise<number> {
  const box = new Box();
  const reading = Promise.all([box.fill("stdout", stdout), box.fill("stderr", stderr)]).finally(() =>
    box.close(),
  );
  // Seen below, when the box is closed.
  reading.catch(() => undefined);
  try {
    let parts = 0;
    let total = 0;
    let last = Number.NEGATIVE_INFINITY;
    while (await box.filled()) {
      const wait = clock.now() - last > QUIET_MS ? WAIT_MS.after : WAIT_MS.flood;
      const over = new AbortController();
      await Promise.race([clock.sleep(wait, over.signal), box.full(over.signal)].map(quiet));
      over.abort();
      const part = packOutput(box.take());
      total += part.byteLength;
      if (total > limit) throw new OutputLimit(`it wrote more than ${Math.round(limit / 1e6)} MB`);
      await put(parts, part);
      parts++;
      last = clock.now();
    }
    await reading;
    return parts;
  } catch (error) {
    for (const from of [stdout, stderr]) from.destroy();
    throw error;
  }
}

const quiet = (waiting: Promise<void>): Promise<void> => waiting.catch(() => undefined);

export class OutputLimit extends Error {}

/** Holds about one part; who fills it waits while it is full, and with it the command. */
class Box {
  #pieces: Piece[] = [];
  #bytes = 0;
  #closed = false;
  readonly #events = new EventTarget();

  async fill(stream: Stream, from: Readable): Promise<void> {
    for await (const chunk of from as AsyncIterable<Buffer>) {
      for (let at = 0; at < chunk.length; at += PART_BYTES) {
        while (this.#bytes >= PART_BYTES) await once(this.#events, "taken");
        const bytes = chunk.subarray(at, at + PART_BYTES);
        this.#pieces.push({ stream, bytes });
        this.#bytes += bytes.length;
        this.#events.dispatchEvent(new Event("filled"));
      }
    }
  }

  /** Waits until there is something; false when there will be nothing more. */
  async filled(): Promise<boolean> {
    while (this.#bytes === 0 && !this.#closed) await once(this.#events, "filled");
    return this.#bytes > 0;
  }

  /** Waits until no more fits, or comes. @throws when aborted. */
  async full(signal: AbortSignal): Promise<void> {
    while (this.#bytes < PART_BYTES && !this.#closed) await once(this.#events, "filled", { signal });
  }

  take(): Piece[] {
    const taken = this.#pieces;
    this.#pieces = [];
    this.#bytes = 0;
    this.#events.dispatchEvent(new Event("taken"));
    return taken;
  }

  close(): void {
    this.#closed = true;
    this.#events.dispatchEvent(new Event("filled"));
  }
}
