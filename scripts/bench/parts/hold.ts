/** What do visitors notice of a hand-over that holds them? */
import { measureHold } from "../../state/hold.ts";
import type { Part } from "../bench.ts";
import { spread } from "../stats.ts";

const RATE = 200;
const SECONDS = 10;
/** Every so manieth request has a body of 32 MB: two a second. */
const LARGE = 100;

export const hold: Part = {
  name: "hold",
  about: `${RATE} requests a second, 32 MB bodies among them, while a site with state is held for ${SECONDS} s`,
  async run(bench, figures) {
    const seen: Awaited<ReturnType<typeof measureHold>>[] = [];
    for (let i = 0; i < bench.runs; i++) {
      const one = await measureHold({ rate: RATE, held: SECONDS, large: LARGE });
      seen.push(one);
      bench.say(
        `hold: ${one.requests} requests, ${one.failed} failed, ${one.notOnce} not answered once; ${one.waiting} waited, the longest for ${one.longest.toFixed(1)} s`,
      );
      for (const reason of one.reasons) bench.say(`  ${reason}`);
    }
    figures.hold = {
      requests: spread(seen.map((one) => one.requests)),
      failed: spread(seen.map((one) => one.failed + one.notOnce)),
      waiting: spread(seen.map((one) => one.waiting)),
      longest: spread(seen.map((one) => one.longest)),
      ...{ rate: RATE, seconds: SECONDS },
    };
  },
};
