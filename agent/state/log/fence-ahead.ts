import type { StateBucket } from "../../site/state/bucket.ts";
import { decodeEntry, encodeEntry, type Header } from "../../site/state/entry.ts";
import { Fenced } from "../../site/state/errors.ts";
import { logKey } from "../../site/state/keys.ts";
import { type Patience, settle } from "./settle.ts";

/** Who writes the log. An epoch is one instance's forever; every process of it is a run of its own. */
export interface Writer {
  epoch: number;
  instance: string;
  /** 16 hex digits. */
  run: string;
}

/** Numbers that a fence is placed on at once. A writer with a PUT in flight wins a few of them at most. */
export const AHEAD = 16;

export interface FencePlaced {
  /** The lowest number that has our fence; a gap below it may still get one. */
  fence: number;
  /** The number after the last one that was settled: all below have an entry, but for gaps below the fence. */
  next: number;
}

/**
 * Places this writer's fence on the log (STATE §5, "Fence ahead"): on so many numbers at once, and without reading what
 * is there first, for an owner that still writes would always be one number ahead. Each of them is settled before
 * anything else is done.
 * @param from the number after the highest one in use, as far as that is known; another one costs rounds, or gaps.
 * @throws Fenced when one of a higher epoch was met.
 */
export async function fenceAhead(
  bucket: StateBucket,
  me: Writer,
  from: number,
  at: string,
  patience: Patience & { ahead?: number | undefined },
): Promise<FencePlaced> {
  const { ahead = AHEAD } = patience;
  const body = fenceOf(me, at);
  for (let first = from; ; first += ahead) {
    const settled = await Promise.all(
      Array.from({ length: ahead }, (_, i) => settle(bucket, logKey(first + i), body, patience)),
    );
    const ours: number[] = [];
    let higher = 0;
    for (const [i, one] of settled.entries()) {
      const seq = first + i;
      if (one.own) {
        ours.push(seq);
        continue;
      }
      if (one.found === undefined) throw new Fenced(me.epoch + 1);
      const { header } = decodeEntry(one.found, `${bucket.url}/${logKey(seq)}`);
      if (isOwnFence(header, me)) ours.push(seq);
      higher = Math.max(higher, header.epoch);
    }
    if (higher > me.epoch) throw new Fenced(higher);
    const [fence] = ours;
    if (fence !== undefined) return { fence, next: first + ahead };
  }
}

/** Puts the fence into a gap, before anybody reads past it. @returns what stands there then. */
export async function fillGap(
  bucket: StateBucket,
  me: Writer,
  seq: number,
  at: string,
  patience: Patience,
): Promise<Uint8Array> {
  const body = fenceOf(me, at);
  const done = await settle(bucket, logKey(seq), body, patience);
  if (done.own) return body;
  // Deleted since: whoever deletes has the log, and is far ahead.
  if (done.found === undefined) throw new Fenced(me.epoch + 1);
  return done.found;
}

const fenceOf = (me: Writer, at: string): Uint8Array => encodeEntry({ format: 1, kind: "fence", ...me, at });

const isOwnFence = (header: Header, me: Writer): boolean =>
  header.kind === "fence" && header.epoch === me.epoch && header.instance === me.instance;
