import { checkDown, recordBoots, runUp, switchOff, vanish } from "../acts.ts";
import type { Scenario } from "../scenario.ts";

const RECLAIMS = 5;
/** From the launch to serving; a replacement that needs the mirror or the authority takes longer. */
const BOOT_SECONDS = 120;

export const reclaims: Scenario = {
  name: "reclaims",
  about: `up, then ${RECLAIMS} losses in a row, the last because the machine switches itself off: one certificate order in all`,
  async run(rehearsal, result) {
    await runUp(rehearsal, result);
    for (let i = 0; i < RECLAIMS; i++) {
      const lost = i < RECLAIMS - 1 ? await vanish(rehearsal) : await switchOff(rehearsal);
      await rehearsal.bootOfOwner(lost, BOOT_SECONDS);
    }
    const states = rehearsal.cloud.ec2.instances.list().map((instance) => instance.state);
    rehearsal.check(!states.includes("stopped"), "no machine is kept that switched itself off");
    result.certificate = { orders: await rehearsal.orders() };
    await recordBoots(rehearsal, result);
    rehearsal.check(result.boots.length === RECLAIMS + 1, `there were ${RECLAIMS + 1} boots`);
    rehearsal.check(result.certificate.orders === 1, `${RECLAIMS} losses make no further certificate order`);
    await checkDown(rehearsal, result);
  },
};
