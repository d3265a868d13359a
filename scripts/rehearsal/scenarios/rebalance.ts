import { checkDown, recordBoots, runUp } from "../acts.ts";
import { checkLostNothing, OUTSTAY, startCrowd } from "../crowd.ts";
import { untilForwarding, untilTidy } from "../hand-over.ts";
import type { Scenario } from "../scenario.ts";

/** `OUTSTAY` times this is within the drain. */
const TTL = 20;
const DRAIN = 90;
const BOOT_SECONDS = { usual: 120, asAws: 180 };

export const rebalance: Scenario = {
  name: "rebalance",
  about:
    "AWS recommends leaving the instance: a new one takes over, the old forwards; no one loses a request",
  overrides: { dns: { ttl: TTL, drain: DRAIN } },
  async run(rehearsal, result) {
    await runUp(rehearsal, result);
    const old = await rehearsal.owner();
    const crowd = await startCrowd(rehearsal);
    await rehearsal.pause(5);
    rehearsal.moment(`AWS recommends leaving ${old}`);
    const noticed = Date.now();
    rehearsal.cloud.rebalance(old);

    const record = await rehearsal.bootOfOwner(
      old,
      rehearsal.asAws ? BOOT_SECONDS.asAws : BOOT_SECONDS.usual,
    );
    const owned = Date.now();
    result.figures = { "seconds to the new owner": Math.round((owned - noticed) / 100) / 10 };
    await untilForwarding(rehearsal, result, old, noticed);
    await untilTidy(rehearsal, record.instance, DRAIN + 120);
    result.figures["seconds the old one forwarded"] = Math.round((Date.now() - owned) / 100) / 10;
    await rehearsal.pause(OUTSTAY);
    await crowd.stop();
    for (const visitor of crowd.all) checkLostNothing(rehearsal, visitor, noticed);
    await recordBoots(rehearsal, result);
    await checkDown(rehearsal, result);
  },
};
