import { poll } from "../../../agent/site/poll.ts";
import { checkDown, recordBoots, runUp } from "../acts.ts";
import { untilForwarding } from "../hand-over.ts";
import { failed } from "../sample.ts";
import type { Scenario } from "../scenario.ts";

const BOOT_SECONDS = 120;
/** To notice, to move the record, and a resolver's memory. */
const BACK_SECONDS = 25;

export const takeBack: Scenario = {
  name: "take-back",
  about: "the new owner vanishes while the old one still forwards: the old one takes the site back",
  overrides: { dns: { ttl: 5 } },
  async run(rehearsal, result) {
    await runUp(rehearsal, result);
    const old = await rehearsal.owner();
    const visitor = rehearsal.visit({ name: "every 50 ms" });
    if ((await visitor.first((s) => !failed(s), 30)) === undefined) throw new Error("no answer");
    rehearsal.moment(`AWS recommends leaving ${old}`);
    const began = Date.now();
    rehearsal.cloud.rebalance(old);
    const second = await rehearsal.bootOfOwner(old, BOOT_SECONDS);
    await untilForwarding(rehearsal, result, old, began);
    await rehearsal.pause(6);

    rehearsal.moment(`AWS takes ${second.instance} without notice`);
    const gone = Date.now();
    rehearsal.cloud.reclaimNow(second.instance);
    const taken = await poll(
      `${old} to take the site back`,
      async () => {
        const state = await rehearsal.state();
        return state?.owner === old && state.state === "serving"
          ? { done: state }
          : { waiting: `${state?.owner} is ${state?.state}` };
      },
      { seconds: BACK_SECONDS, everySeconds: 0.2 },
    );
    rehearsal.moment(`${old} has the site again (epoch ${taken.epoch})`);
    const lost = await visitor.first((s) => s.at > gone && failed(s), 5);
    const back = await visitor.first((s) => s.at > (lost?.at ?? gone) && !failed(s), BACK_SECONDS);
    const seconds = back === undefined ? undefined : Math.round((back.at - gone) / 100) / 10;
    rehearsal.check(seconds !== undefined, "the visitor is served again");
    rehearsal.check(taken.epoch === (second.epoch ?? 0) + 1, `the epoch grew by one, to ${taken.epoch}`);
    result.figures = { ...result.figures, "seconds without the site": seconds ?? "for good" };
    await visitor.stop();
    await recordBoots(rehearsal, result);
    await checkDown(rehearsal, result);
  },
};
