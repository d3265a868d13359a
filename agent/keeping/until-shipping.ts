import type { StateStatus } from "../ports/state.ts";
import type { Clock } from "../site/clock.ts";
import { EverspotError } from "../site/errors.ts";
import { poll } from "../site/poll.ts";
import { Fenced } from "../site/state/errors.ts";
import { STATE_UNIT } from "../system/paths.ts";
import type { Units } from "../system/units.ts";
import { LAST_LINES } from "./tasks.ts";

/** Until the shipper ships: it may have to compare a database with the log page by page. */
const START_SECONDS = 300;
/** Questions to the shipper for each to systemd, which takes far longer. */
const LOOKS = 20;
/** How often it may end before it ships. */
const MOST_RESTARTS = 5;

/**
 * Waits until the shipper, which was started under this epoch, ships.
 * @throws Fenced; EverspotError with what it said last when it is not started any more.
 */
export async function untilShipping(
  units: Pick<Units, "state" | "lines">,
  epoch: number,
  status: () => Promise<StateStatus | undefined>,
  clock: Clock,
  signal: AbortSignal | undefined,
): Promise<void> {
  let looks = 0;
  await poll(
    "the site's state to be shipped",
    async () => {
      const now = await status();
      if (now?.state === "shipping") return { done: true };
      if (now?.state === "fenced") throw new Fenced(epoch + 1);
      if (now?.state === "sealed") throw new EverspotError(`epoch ${epoch} is sealed`, { retry: "retry" });
      if (now === undefined && looks++ % LOOKS === LOOKS - 1) await stillTries(units);
      return { waiting: now?.state ?? "no answer" };
    },
    { seconds: START_SECONDS, everySeconds: 0.03, clock, signal },
  );
}

async function stillTries(units: Pick<Units, "state" | "lines">): Promise<void> {
  const { active, restarts } = await units.state(STATE_UNIT);
  if (active !== "failed" && restarts < MOST_RESTARTS) return;
  const lines = await units.lines(STATE_UNIT, LAST_LINES).catch(() => []);
  throw new EverspotError(`the site's state: ${lines.at(-1) ?? "what keeps it ended"}`, {
    resource: STATE_UNIT,
    retry: "retry",
    lines,
  });
}
