import { checkDown, recordBoots, runUp } from "../acts.ts";
import { checkLostNothing, startCrowd } from "../crowd.ts";
import { change, checkInOrder, mustDeploy, untilQuiet } from "../deploys.ts";
import { countedOnce, written } from "../posts.ts";
import type { Scenario } from "../scenario.ts";

export const swapInPlace: Scenario = {
  name: "swap-in-place",
  about: "deploys onto the running instance under load: seconds, and no visitor loses a request",
  async run(rehearsal, result) {
    await runUp(rehearsal, result);
    const crowd = await startCrowd(rehearsal);
    await rehearsal.pause(3);
    const began = Date.now();
    for (const mark of ["second", "third"]) {
      await change(rehearsal, mark);
      const before = await rehearsal.owner();
      const done = await mustDeploy(rehearsal, ["--in-place"]);
      result.swap ??= { seconds: done.seconds, steps: done.steps };
      await untilQuiet(rehearsal);
      await checkInOrder(rehearsal, `after the ${mark} release`, done.release);
      rehearsal.check((await rehearsal.owner()) === before, "the same instance has the site");
    }
    await rehearsal.pause(3);
    await crowd.stop();
    for (const visitor of crowd.all) checkLostNothing(rehearsal, visitor, began);
    const entries = written(crowd.all);
    // All releases of one instance share its database, and so the numbers.
    const shared = entries.map((e) => ({ ...e, release: "any release" }));
    for (const problem of countedOnce(shared)) rehearsal.check(false, problem);
    const releases = new Set(entries.map((e) => e.release));
    rehearsal.check(releases.size === 3, `three releases answered POSTs, but it was ${releases.size}`);
    result.figures = { ...result.figures, posts: entries.length };
    result.certificate = { orders: await rehearsal.orders() };
    await recordBoots(rehearsal, result);
    await checkDown(rehearsal, result);
  },
};
