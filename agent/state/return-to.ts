import { EverspotError } from "../site/errors.ts";
import type { StateBucket } from "../site/state/bucket.ts";
import { keptFile, readKept, writeKept } from "./kept.ts";
import type { Writer } from "./log/fence-ahead.ts";
import { goBack } from "./log/go-back.ts";
import type { Patience } from "./log/settle.ts";

/**
 * The instance that has sealed takes the site back, with its new epoch. When nobody was open meanwhile, its databases
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
  if (rewound) writeKept(keptFile(keeps), { ...kept, epoch: me.epoch, place, sealed: false });
  return { rewound, seq: place.seq };
}
