import { messageOf } from "../site/errors.ts";
import type { StateBucket } from "../site/state/bucket.ts";
import type { Place } from "../site/state/place.ts";
import type { BaseSource } from "./base-writer.ts";
import { Bases, baseIsDue } from "./bases.ts";
import type { Patience } from "./log/settle.ts";

/** Milliseconds until the next try, after one that failed. */
const AGAIN = 60_000;

type Media = ReadonlyMap<string, { sha256: string; size: number }>;

/**
 * When a base is made, and that the databases' files stay as they are while it is read. First it is `cut`: the files are
 * what the log is once all that was captured is in it.
 */
export class BaseKeeper {
  readonly #bases: Bases;
  readonly #options: Patience & { history: number; say: (message: string) => void };
  #since = { entries: 0, bytes: 0, first: undefined as number | undefined };
  #doing: "nothing" | "cut" | "reading" | "tidying" = "nothing";
  #notBefore = 0;
  #read: Promise<void> = Promise.resolve();
  /** How many were published. */
  published = 0;

  /** @param options `history`: milliseconds of the past that stay in the bucket. */
  constructor(bucket: StateBucket, options: Patience & { history: number; say: (message: string) => void }) {
    this.#bases = new Bases(bucket, options);
    this.#options = options;
  }

  /** Written to the log since the last base. */
  get since(): { entries: number; bytes: number } {
    const { entries, bytes } = this.#since;
    return { entries, bytes };
  }

  get isCut(): boolean {
    return this.#doing === "cut";
  }

  /** Whether the databases' files must not change. */
  get needsFiles(): boolean {
    return this.#doing === "cut" || this.#doing === "reading";
  }

  note(entries: number, bytes: number): void {
    this.#since.entries += entries;
    this.#since.bytes += bytes;
    if (entries > 0) this.#since.first ??= this.#options.clock.now();
  }

  /** @param size bytes of the databases. */
  isDue(size: number): boolean {
    const now = this.#options.clock.now();
    return this.#doing === "nothing" && now >= this.#notBefore && baseIsDue(this.#since, size, now);
  }

  cut(): void {
    this.#doing = "cut";
  }

  /** Gives up one that is cut, and waits for one that is read. */
  async release(): Promise<void> {
    await this.#read;
    if (this.#doing === "cut") this.#doing = "nothing";
  }

  /** Reads and publishes it, and deletes what is needed no more, while the log goes on. */
  begin(place: Place, sources: readonly BaseSource[], media: Media): void {
    const { history, say, signal } = this.#options;
    const trouble = (error: unknown) => {
      if (!signal?.aborted) say(`the base of entry ${place.seq}: ${messageOf(error)}`);
    };
    this.#doing = "reading";
    const had = this.#since;
    this.#since = { entries: 0, bytes: 0, first: undefined };
    const published = this.#bases.publish(place, sources, media).then(() => {
      this.published++;
    });
    this.#read = published.then(
      () => {
        this.#doing = "tidying";
      },
      () => {
        this.#doing = "nothing";
        this.#notBefore = this.#options.clock.now() + AGAIN;
        this.note(had.entries, had.bytes);
      },
    );
    published
      .then(() => this.#bases.clean(history))
      .catch(trouble)
      .finally(() => {
        if (this.#doing === "tidying") this.#doing = "nothing";
      });
  }
}
