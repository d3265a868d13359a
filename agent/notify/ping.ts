import type { Clock } from "../site/clock.ts";
import { messageOf } from "../site/errors.ts";
import { ask, succeeded } from "../system/ask.ts";

const TIMEOUT_MS = 5_000;
/** Milliseconds before the second and the third try. */
const PAUSES = [1_000, 5_000];

/** Asks for a URL, as a dead man's switch wants it: resolves when that is done or given up; never rejects. */
export async function ping(url: string, clock: Clock, onTrouble: (message: string) => void): Promise<void> {
  for (let attempt = 0; ; attempt++) {
    try {
      const headers = { "user-agent": "everspot" };
      const answer = await ask(url, { headers, milliseconds: TIMEOUT_MS });
      if (succeeded(answer)) return;
      throw new Error(`HTTP ${answer.status}`);
    } catch (error) {
      const pause = PAUSES[attempt];
      // Whoever knows the URL could speak for the job: it is kept out of this.
      if (pause === undefined) return onTrouble(`its ping was not answered: ${messageOf(error)}`);
      await clock.sleep(pause);
    }
  }
}
