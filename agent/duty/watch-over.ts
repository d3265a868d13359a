import type { Alerts, Trouble } from "../notify/alerts.ts";
import type { Clock } from "../site/clock.ts";
import { messageOf } from "../site/errors.ts";
import type { Gauges } from "../watch/gauges.ts";
import { diskVerdict, FailureShare, MemoryKills, type Verdict } from "./wrong.ts";

const LOOK_SECONDS = 60;

/** Looks every minute at what may go wrong with a site that serves, and tells of it. Until the signal. */
export async function watchOver(
  { disk, killed, answers }: Gauges,
  inMaintenance: () => Promise<boolean>,
  alerts: Pick<Alerts, "raise" | "clear">,
  clock: Clock,
  warn: (message: string) => void,
  signal: AbortSignal,
): Promise<void> {
  const share = new FailureShare();
  const kills = new MemoryKills();
  const looks: [Trouble["kind"], () => Promise<Verdict>][] = [
    ["disk", async () => diskVerdict(await disk())],
    ["memory", async () => kills.look(await killed())],
    [
      "errors",
      async () => {
        const minute = await answers();
        // Then visitors get a 503 page, and that is meant.
        return (await inMaintenance()) ? undefined : share.look(minute);
      },
    ],
  ];
  for (;;) {
    for (const [kind, look] of looks) {
      try {
        const verdict = await look();
        if (verdict === undefined) continue;
        await ("wrong" in verdict
          ? alerts.raise({ kind }, verdict.wrong)
          : alerts.clear({ kind }, verdict.well));
      } catch (error) {
        warn(`${kind}: ${messageOf(error)}`);
      }
    }
    await clock.sleep(LOOK_SECONDS * 1000, signal);
  }
}
