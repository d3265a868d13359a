import { poll } from "../../../agent/site/poll.ts";
import { checkDown, recordBoots, runUp } from "../acts.ts";
import { checkLostNothing, startCrowd } from "../crowd.ts";
import { change, checkInOrder, mustDeploy, untilQuiet } from "../deploys.ts";
import { countedOnce, written } from "../posts.ts";
import type { Rehearsal } from "../rehearsal.ts";
import type { Scenario } from "../scenario.ts";

export const swapInPlace: Scenario = {
  name: "swap-in-place",
  about: "deploys onto the running instance under load: seconds, and no visitor loses a request",
  async run(rehearsal, result) {
    await runUp(rehearsal, result);
    if (rehearsal.asAws) await untilStandard(rehearsal);
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

/** The machine borrows no more, and what it has left is taken from it: a deploy could not come at a worse time. */
async function untilStandard(rehearsal: Rehearsal): Promise<void> {
  const owner = await rehearsal.owner();
  const switched = await poll(
    `${owner} to switch its CPU credits to standard`,
    async () => {
      const events = (await rehearsal.boot(owner))?.events ?? [];
      const found = events.find(({ text }) => text.startsWith("CPU credits are standard"));
      return found === undefined ? { waiting: `${events.length} events` } : { done: found.text };
    },
    { seconds: 300, everySeconds: 1 },
  );
  rehearsal.moment(switched);
  const account = rehearsal.cloud.machines.creditsOf(owner);
  rehearsal.check(account?.mode === "standard", "EC2 has switched the credits to standard");
  rehearsal.check(
    account?.charged === 0,
    `nothing is charged, but ${account?.charged} s of processor time are`,
  );
  if (account !== undefined) account.balance = 0;
}
