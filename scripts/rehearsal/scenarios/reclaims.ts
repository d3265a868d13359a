import { checkDown, recordBoots, runUp, vanish } from "../acts.ts";
import type { Scenario } from "../scenario.ts";

const RECLAIMS = 5;
/** From the launch to serving; a replacement that needs the mirror or the authority takes longer. */
const BOOT_SECONDS = 120;

export const reclaims: Scenario = {
  name: "reclaims",
  about: `up, then ${RECLAIMS} reclaims in a row: one certificate order in all`,
  async run(rehearsal, result) {
    await runUp(rehearsal, result);
    for (let i = 0; i < RECLAIMS; i++) {
      const lost = await vanish(rehearsal);
      await rehearsal.bootOfOwner(lost, BOOT_SECONDS);
    }
    result.certificate = { orders: await rehearsal.orders() };
    await recordBoots(rehearsal, result);
    rehearsal.check(result.boots.length === RECLAIMS + 1, `there were ${RECLAIMS + 1} boots`);
    rehearsal.check(
      result.certificate.orders === 1,
      `${RECLAIMS} reclaims make no further certificate order`,
    );
    await checkDown(rehearsal, result);
  },
};
