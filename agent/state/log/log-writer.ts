import type { StateBucket } from "../../site/state/bucket.ts";
import { decodeEntry, type Entry, encodeEntry, type Header } from "../../site/state/entry.ts";
import { Damaged, Fenced } from "../../site/state/errors.ts";
import { logKey } from "../../site/state/keys.ts";
import { later, type Place, step } from "../../site/state/place.ts";
import { collectGarbage } from "../../system/memory.ts";
import type { Writer } from "./fence-ahead.ts";
import { type Patience, settle } from "./settle.ts";

/** What an owner writes: everything of a header but what the log itself gives. */
export type Written = { [K in Header["kind"]]: Own<Extract<Header, { kind: K }>> }[Exclude<
  Header["kind"],
  "fence"
>];
type Own<H> = Omit<H, "format" | "epoch" | "instance" | "run" | "at" | "prev">;

export type Appended =
  | { seq: number; late: undefined }
  /** An entry of another run of this writer had got there first: it counts, and ours was not written. */
  | { seq: number; late: Entry };

/** Bytes of an entry or its body from which on what it took is freed: before it is sent, and once it is there. */
export const HEAVY = 256 << 10;

/**
 * The owner's hand on the log: one entry after the other, each under the next number, by a PUT that succeeds only where
 * nothing is (STATE §4). The bytes for a number do not change until it is settled what stands there.
 */
export class LogWriter {
  readonly me: Writer;
  readonly #bucket: StateBucket;
  readonly #patience: Patience;
  #place: Place;
  /** Milliseconds that S3's clock is ahead of this machine's; undefined until S3 has answered. */
  #skew: number | undefined;
  #busy = false;

  /** @param place where the log ends, read under this writer's own fence. */
  constructor(bucket: StateBucket, me: Writer, place: Place, patience: Patience) {
    this.#bucket = bucket;
    this.me = me;
    this.#place = place;
    this.#patience = patience;
  }

  get place(): Place {
    return this.#place;
  }

  /**
   * @throws Fenced when a later owner has the log: nothing more may be acknowledged. Whatever `settle` throws; the
   * entry may then stand there or come to stand there, and the next append meets it as one of ours.
   */
  async append(written: Written, body?: Uint8Array): Promise<Appended> {
    if (this.#busy) throw new Error("an entry is being written");
    this.#busy = true;
    try {
      for (;;) {
        const done = await this.#write(written, body);
        if (done !== undefined) return done;
      }
    } finally {
      this.#busy = false;
    }
  }

  /** Undefined when the number has an entry of an earlier owner, which does not count. */
  async #write(written: Written, body: Uint8Array | undefined): Promise<Appended | undefined> {
    const place = this.#place;
    const seq = place.seq + 1;
    const key = logKey(seq);
    const resource = `${this.#bucket.url}/${key}`;
    const now =
      this.#skew === undefined ? place.at : new Date(this.#patience.clock.now() + this.#skew).toISOString();
    const head = {
      format: 1,
      ...this.me,
      at: later(now, place.at),
      prev: place.hash,
      ...written,
    } as Header;
    const bytes = encodeEntry(head, body);
    if (bytes.length >= HEAVY) collectGarbage();
    const done = await settle(this.#bucket, key, bytes, this.#patience);
    if (done.own) {
      this.#place = step(place, bytes, resource).place;
      if (done.date !== undefined) this.#skew = Date.parse(done.date) - this.#patience.clock.now();
      return { seq, late: undefined };
    }
    // Only the owner deletes, so this number was reached long ago.
    if (done.found === undefined) throw new Fenced(place.epoch + 1);
    const found = decodeEntry(done.found, resource);
    const { header } = found;
    if (header.epoch > this.me.epoch) throw new Fenced(header.epoch);
    if (header.epoch === this.me.epoch && header.instance !== this.me.instance) {
      throw new Damaged(resource, `is of ${header.instance}, with the epoch of ${this.me.instance}`);
    }
    const after = step(place, done.found, resource);
    this.#place = after.place;
    return after.counts ? { seq, late: found } : undefined;
  }
}
