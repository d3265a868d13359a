/** Going back: after a seal that came to nothing, and to a mark. */
import { rm } from "node:fs/promises";
import { EverspotError } from "../site/errors.ts";
import type { StateBucket } from "../site/state/bucket.ts";
import { Fenced } from "../site/state/errors.ts";
import type { Place } from "../site/state/place.ts";
import { readLog } from "../site/state/read-log.ts";
import { restore } from "../site/state/restore.ts";
import { keepRestored, keptFile, readKept, writeKept } from "./kept.ts";
import type { Writer } from "./log/fence-ahead.ts";
import { goBack, removeBases, takeBack } from "./log/go-back.ts";
import { LogWriter } from "./log/log-writer.ts";
import type { Patience } from "./log/settle.ts";
import { layOut } from "./media/lay-out.ts";

/**
 * The instance that has sealed takes the site back, with its new epoch. When no other was open meanwhile, its databases
 * are what the log is again, and its shipper goes on with them.
 * @throws Fenced when a later owner has the log; EverspotError when this instance has not sealed.
 */
export async function returnTo(
  bucket: StateBucket,
  me: Writer,
  keeps: string,
  patience: Patience,
): Promise<{ rewound: boolean; seq: number }> {
  const kept = readKept(keptFile(keeps));
  if (kept === undefined || !kept.sealed || kept.instance !== me.instance || kept.epoch > me.epoch) {
    throw new EverspotError(`${keptFile(keeps)} does not say that ${me.instance} has sealed`, {
      resource: keptFile(keeps),
      hint: "take over like any other instance: what is here may be more than what is in the bucket",
    });
  }
  const { rewound, place } = await goBack(bucket, me, kept.place, patience);
  if (rewound)
    writeKept(keptFile(keeps), { ...kept, epoch: me.epoch, place, sealed: false, tried: undefined });
  return { rewound, seq: place.seq };
}

/**
 * Takes back all that this owner has written since a mark of its own, and makes the databases here what they were. They
 * must not be open, and no visitor may have been answered from what goes back. Called again, it goes on where it was.
 * @param mark the place of the mark.
 * @returns false: an owner was open since; then everything stays as it is.
 * @throws Fenced when a later owner has the log.
 */
export async function undo(
  bucket: StateBucket,
  me: Writer,
  where: { folder: string; keeps: string; media?: { folder: string } | undefined },
  mark: Place,
  patience: Patience,
): Promise<{ undone: boolean; seq: number }> {
  let opened = false;
  let undone = false;
  const place = await readLog(bucket, mark, {
    onEntry: ({ entry: { header }, counts }) => {
      if (header.epoch > me.epoch) throw new Fenced(header.epoch);
      opened ||= counts && header.kind === "open";
      undone = counts && header.kind === "rewind" && header.to === mark.seq;
      return undefined;
    },
  });
  if (opened) return { undone: false, seq: place.seq };
  // From here on what is here must not be used.
  await rm(keptFile(where.keeps), { force: true });
  const log = new LogWriter(bucket, me, place, patience);
  if (undone) await removeBases(bucket, mark.seq, log.place.seq);
  else await takeBack(bucket, log, mark.seq);
  const done = await restore(bucket, where.folder, { last: log.place.seq });
  await layOut(where.media?.folder, where.keeps, done.media);
  keepRestored(where, me, done);
  return { undone: true, seq: done.place.seq };
}
