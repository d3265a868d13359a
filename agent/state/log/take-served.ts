import type { StateBucket } from "../../site/state/bucket.ts";
import type { Place } from "../../site/state/place.ts";
import type { ReadOptions, Seen } from "../../site/state/read-log.ts";
import { Trials, type Tried } from "../../site/state/trials.ts";
import type { Writer } from "./fence-ahead.ts";
import { takeBack } from "./go-back.ts";
import { LogWriter } from "./log-writer.ts";
import type { Patience } from "./settle.ts";
import { takeLog } from "./take.ts";

interface Reading {
  last: number;
  onGap?: NonNullable<ReadOptions["onGap"]>;
  onEntry: (seen: Pick<Seen, "seq" | "entry" | "counts">) => void;
}

/**
 * Takes the log (see takeLog), and has it say again what it said when somebody served last: what a release wrote that was
 * tried and never came to serve is taken back, for whoever tried it is gone. An `open` of theirs that comes late meets the
 * fence.
 * @param read reads the log up to `last`, from wherever it has to begin, and tells of every entry. Called again after
 * something was taken back.
 * @throws Fenced when a later owner was met.
 */
export async function takeServed<T extends { place: Place }>(
  bucket: StateBucket,
  me: Writer,
  read: (reading: Reading) => Promise<T>,
  patience: Patience & { ahead?: number | undefined },
): Promise<{ done: T; gone: Tried | undefined }> {
  const trials = new Trials();
  const onEntry: Reading["onEntry"] = ({ seq, entry, counts }) => {
    if (counts) trials.saw(seq, entry.header);
  };
  const done = await takeLog(bucket, me, (options) => read({ ...options, onEntry }), patience);
  const { tried } = trials;
  if (tried === undefined) return { done, gone: undefined };
  const log = new LogWriter(bucket, me, done.place, patience);
  await takeBack(bucket, log, tried.mark);
  return { done: await read({ last: log.place.seq, onEntry }), gone: tried };
}
