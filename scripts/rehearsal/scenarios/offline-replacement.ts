import { checkDown, recordBoots, runUp, vanish } from "../acts.ts";
import type { Scenario } from "../scenario.ts";

const BOOT_SECONDS = 120;

export const offlineReplacement: Scenario = {
  name: "offline-replacement",
  about:
    "after one good boot the package mirror and the certificate authority are gone; the replacement comes up",
  async run(rehearsal, result) {
    await runUp(rehearsal, result);
    await rehearsal.untilPackagesAreKept();
    await rehearsal.cloud.mirror.off();
    await rehearsal.cloud.pebble.close();
    rehearsal.moment("the package mirror and the certificate authority are gone");
    const lost = await vanish(rehearsal);
    const record = await rehearsal.bootOfOwner(lost, BOOT_SECONDS);
    await recordBoots(rehearsal, result);
    rehearsal.check(record.certificate?.source === "stored", "the replacement serves the stored certificate");
    rehearsal.check(record.warnings.length === 0, `nothing is odd, but: ${record.warnings.join("; ")}`);
    await checkDown(rehearsal, result);
  },
};
