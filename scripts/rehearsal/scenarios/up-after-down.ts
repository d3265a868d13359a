import { EverspotError } from "../../../agent/site/errors.ts";
import { checkDown, recordBoots, runUp } from "../acts.ts";
import { failed } from "../sample.ts";
import type { Scenario } from "../scenario.ts";

const DOWN_SECONDS = 300;

export const upAfterDown: Scenario = {
  name: "up-after-down",
  about: "down keeps the data, and up at once after it: the site is back, with the certificate it had",
  async run(rehearsal, result) {
    await runUp(rehearsal, result);
    const first = result.up?.seconds ?? 0;
    rehearsal.moment("everspot down, the data stays");
    const down = await rehearsal.cli(["down", "--yes"], DOWN_SECONDS);
    if (down.exitCode !== 0) {
      throw new EverspotError(`everspot down ended with ${down.exitCode}`, { lines: down.lines });
    }
    await runUp(rehearsal, result);
    result.figures = { "seconds of the first up": first, "seconds of down": down.seconds };
    const visitor = rehearsal.visit({ name: "every 50 ms" });
    const served = await visitor.first((s) => !failed(s), 30);
    await visitor.stop();
    rehearsal.check(served !== undefined, "the site answers again");
    result.certificate = { orders: await rehearsal.orders() };
    rehearsal.check(result.certificate.orders === 1, "the stored certificate serves again, without an order");
    await recordBoots(rehearsal, result);
    await checkDown(rehearsal, result);
  },
};
