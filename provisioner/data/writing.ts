/** The owner's own hand on the log: with an epoch of its own, by the rules that hold for every owner (STATE §5). */
import { randomBytes } from "node:crypto";
import { updateDocument } from "../../agent/site/document.ts";
import { siteDocument } from "../../agent/site/documents/site-state.ts";
import type { StateBucket } from "../../agent/site/state/bucket.ts";
import type { Place } from "../../agent/site/state/place.ts";
import { readLog } from "../../agent/site/state/read-log.ts";
import type { ObjectStore } from "../../agent/site/store.ts";
import type { Writer } from "../../agent/state/log/fence-ahead.ts";
import { LogWriter } from "../../agent/state/log/log-writer.ts";
import type { Patience } from "../../agent/state/log/settle.ts";
import { takeLog } from "../../agent/state/log/take.ts";

/**
 * An epoch that no other has or will have: site.json is where each is given out, and it stays that of the owner who
 * is named there. Before there is one, no instance has begun.
 * @param above the highest epoch of the log and of the fence record.
 */
export async function takeEpoch(store: ObjectStore, above: number, patience: Patience): Promise<number> {
  const { value } = await updateDocument(
    store,
    siteDocument,
    (site) => site && { ...site, epoch: Math.max(site.epoch, above) + 1 },
    patience.clock,
  );
  return value?.epoch ?? above + 1;
}

/**
 * Takes the log. No owner before can write what counts from here on.
 * @param from as far as it was read. @param holder who does this, for whoever reads the log.
 * @throws Fenced when a later owner was met.
 */
export async function takeForOperator(
  bucket: StateBucket,
  { epoch, holder }: { epoch: number; holder: string },
  from: Place,
  patience: Patience,
): Promise<LogWriter> {
  const me: Writer = { epoch, instance: holder.slice(0, 255), run: randomBytes(8).toString("hex") };
  const { place } = await takeLog(
    bucket,
    me,
    async (options) => ({ place: await readLog(bucket, from, options) }),
    patience,
  );
  return new LogWriter(bucket, me, place, patience);
}
