import { checkDown, recordBoots, runUp, vanish } from "../acts.ts";
import type { Rehearsal } from "../rehearsal.ts";
import type { Result } from "../result.ts";
import type { Scenario } from "../scenario.ts";

const BOOT_SECONDS = 120;

export const offlineReplacement: Scenario = {
  name: "offline-replacement",
  about:
    "after one good boot the package mirror and the certificate authority are gone; the replacement comes up",
  run: replaceOffline,
};

/** The layer is verified by another program there. */
export const offlineDebian12: Scenario = {
  name: "offline-debian-12",
  about: "the same with Debian 12",
  overrides: { image: { os: "debian-12" } },
  run: replaceOffline,
};

async function replaceOffline(rehearsal: Rehearsal, result: Result): Promise<void> {
  await runUp(rehearsal, result);
  await rehearsal.untilPackagesAreKept();
  await rehearsal.cloud.mirror.off();
  await rehearsal.cloud.pebble.close();
  rehearsal.moment("the package mirror and the certificate authority are gone");
  const lost = await vanish(rehearsal);
  const record = await rehearsal.bootOfOwner(lost, BOOT_SECONDS);
  await recordBoots(rehearsal, result);
  const packages = record.steps.find((step) => step.name === "packages")?.detail;
  rehearsal.check(
    /from the bucket, by Debian's index of \d{4}-\d{2}-\d{2}/.test(packages ?? ""),
    `the replacement's packages are believed by Debian's index: ${packages}`,
  );
  rehearsal.check(record.certificate?.source === "stored", "the replacement serves the stored certificate");
  rehearsal.check(record.warnings.length === 0, `nothing is odd, but: ${record.warnings.join("; ")}`);
  await checkDown(rehearsal, result);
}
