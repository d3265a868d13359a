import type { StateBucket } from "../../site/state/bucket.ts";
import { BASE_PREFIX, baseKey, seqOf } from "../../site/state/keys.ts";
import type { Place } from "../../site/state/place.ts";
import { readLog } from "../../site/state/read-log.ts";
import type { Writer } from "./fence-ahead.ts";
import { LogWriter } from "./log-writer.ts";
import type { Patience } from "./settle.ts";
import { takeLog } from "./take.ts";

export type WentBack =
  /** What the other one wrote is taken back; this instance may go on with its own file. */
  | { rewound: true; place: Place }
  /** Another one was open after the seal: its writes count, and whoever goes on restores them like anybody else. */
  | { rewound: false; place: Place };

/**
 * The sealed owner takes the site back, with a new epoch of its own (STATE §5, "Going back"). It looks only after its
 * fence is there: an `open` that comes later meets the fence, and its writer stands down.
 * @param sealed the place after this instance's own `seal`.
 * @throws Fenced when a later owner has the log.
 */
export async function goBack(
  bucket: StateBucket,
  me: Writer,
  sealed: Place,
  patience: Patience & { ahead?: number | undefined },
): Promise<WentBack> {
  let opened = false;
  const { place } = await takeLog(
    bucket,
    me,
    async ({ last, onGap }) => {
      // An `open` may have been cleaned up since; then there is a base behind it, and nothing to be read before.
      opened = (await bucket.list(BASE_PREFIX, baseKey(sealed.seq))).objects.length > 0;
      if (opened) return { place: { ...sealed, epoch: me.epoch } };
      const place = await readLog(bucket, sealed, {
        last,
        onGap,
        onEntry: ({ entry, counts }) => {
          if (counts && entry.header.kind === "open") opened = true;
          return undefined;
        },
      });
      return { place };
    },
    patience,
  );
  if (opened) return { rewound: false, place };
  const log = new LogWriter(bucket, me, place, patience);
  await takeBack(bucket, log, sealed.seq);
  return { rewound: true, place: log.place };
}

/** Takes back all after an entry. @throws Fenced */
export async function takeBack(bucket: StateBucket, log: LogWriter, to: number): Promise<void> {
  for (let done = false; !done; ) {
    const { late } = await log.append({ kind: "rewind", to });
    // A rewind of a run before this one did the same.
    done = late === undefined || (late.header.kind === "rewind" && late.header.to === to);
  }
  await removeBases(bucket, to, log.place.seq);
}

/**
 * Bases of what was taken back count no more, and must not be taken for one of the two that are kept.
 * @param from the entry that the rewind goes back to. @param to the rewind.
 */
export async function removeBases(bucket: StateBucket, from: number, to: number): Promise<void> {
  const { objects } = await bucket.list(BASE_PREFIX, baseKey(from));
  await bucket.remove(objects.map(({ key }) => key).filter((key) => (seqOf(key) ?? to) < to));
}
