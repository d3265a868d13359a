import { checkDown, recordBoots, runUp } from "../acts.ts";
import { hang, hangForGood } from "../hang.ts";
import type { Rehearsal } from "../rehearsal.ts";
import type { Result } from "../result.ts";
import { failed } from "../sample.ts";
import type { Scenario } from "../scenario.ts";
import type { Visitor } from "../visitors.ts";

/** A minute until the app is restarted, and what stopping it takes. */
const RESTART_SECONDS = 150;
/** Two minutes until another machine is asked for, and what the next one's boot takes. */
const REPLACE_SECONDS = 400;

export const appHang: Scenario = {
  name: "app-hang",
  about: "the app hangs and is restarted; then it hangs for good, and the machine is replaced",
  async run(rehearsal, result) {
    await runUp(rehearsal, result);
    const visitor = rehearsal.visit({ name: "every 50 ms" });
    if ((await visitor.first((s) => !failed(s), 30)) === undefined) throw new Error("no answer");
    const owner = await rehearsal.owner();

    rehearsal.moment(`the app on ${owner} hangs`);
    await back(rehearsal, result, visitor, "hangs once", RESTART_SECONDS, () => hang(rehearsal, owner));
    rehearsal.check((await rehearsal.owner()) === owner, "a restart of the app is enough");

    // Seen to be well, so that what follows is a new illness.
    await rehearsal.pause(25);
    rehearsal.moment(`the app on ${owner} hangs whatever is done`);
    await back(rehearsal, result, visitor, "hangs for good", REPLACE_SECONDS, () =>
      hangForGood(rehearsal, owner),
    );
    const record = await rehearsal.bootOfOwner(owner, 60);
    rehearsal.check(record.instance !== owner, "another machine serves");
    const old = await rehearsal.boot(owner);
    rehearsal.check(
      old?.events?.some((e) => e.text.includes("asks to be replaced")) === true,
      "the old machine's record says why it went",
    );
    await visitor.stop();
    await recordBoots(rehearsal, result);
    await checkDown(rehearsal, result);
  },
};

/** How long the visitor was without the site after it was broken, until it answers again. */
async function back(
  rehearsal: Rehearsal,
  result: Result,
  visitor: Visitor,
  what: string,
  seconds: number,
  hurt: () => Promise<void>,
): Promise<void> {
  const began = Date.now();
  await hurt();
  const gone = await visitor.first((s) => s.at > began && failed(s), 60);
  if (gone === undefined) throw new Error(`${what}: the site answers all the time`);
  const answered = await visitor.first((s) => s.at > gone.at && !failed(s), seconds);
  if (answered === undefined) throw new Error(`${what}: the site is not back after ${seconds} s`);
  const without = Math.round((answered.at - gone.at) / 100) / 10;
  result.figures = { ...result.figures, [`${what}: seconds without the site`]: without };
  rehearsal.moment(`${what}: the site is back after ${without} s`);
}
